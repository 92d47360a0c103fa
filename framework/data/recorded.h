#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace bench {

// What a name in tables claims is recorded in data/recorded/: rules of validity compare with it.
// docs/validity.md says how to add a record.

/// A data set (data/recorded/datasets.yaml).
struct RecordedData {
  std::string name, file, corpus;
  std::string sha256;        // of the file's bytes: given, or that of data/manifest.json
  int64_t rows = -1;         // rows or documents; -1: not recorded
  std::string format, join;  // of a text of windows, as the papers assemble it
};

/// By its name or one of its other names; null where none is recorded.
const RecordedData* recorded_data(const std::string& name);
/// By the bytes of a file: which data set lies under whatever path; null where it is none of them.
const RecordedData* recorded_bytes(const std::string& sha256);

/// What the dense model measures, and by how much it may differ.
struct Gate {
  std::string task, protocol, metric;
  double value = 0, within = 0;
  std::string source;
};

/// A model (data/recorded/models/NAME.yaml).
struct RecordedModel {
  std::map<std::string, std::string> tokenizers;                  // variant -> hash
  std::map<std::pair<std::string, std::string>, int64_t> tokens;  // data set, variant -> ids
  std::vector<Gate> gates;
};
/// Empty where no record is. A record that cannot be read is an Error with file and line.
RecordedModel recorded_model(const std::string& name);

}  // namespace bench
