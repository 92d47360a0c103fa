#pragma once
#include "hydra/yaml/value.h"
#include "walk/certificate.h"
#include "core/task.h"
#include "data/recorded.h"
#include "results/verdict.h"
#include "trial/workbench.h"

namespace bench {

// The rules of validity (results/verdict.h, docs/validity.md), each a verdict row. A rule about
// which nothing is recorded leaves no row: a verdict says only what was checked.

/// dataset_hash, row_count, window_count, tokenizer_hash.
std::vector<VerdictRow> judge_evidence(const Evidence& evidence, const std::string& model_name,
                                       const RecordedModel& model);

/// dense_gate, a row for each metric of the dense model with a recorded gate.
std::vector<VerdictRow> judge_gates(const std::vector<MetricRow>& metrics,
                                    const RecordedModel& model);

/// sparsity_reached: within what whole rows, layers or units allow, and half a percentage point.
VerdictRow judge_sparsity(const Reached& reached);

/// seeds: does `seed` reach everything that draws random numbers? No row where nothing does.
/// uses_data: the calibration data was read.
std::vector<VerdictRow> judge_seeds(const Value& config, bool uses_data);

/// Where calibration or training data came from and what it says.
struct CalibrationSource {
  std::string file;
  std::string hash;                                 // of the ids
  std::function<std::vector<std::string>()> texts;  // empty: only files and corpora are compared
  const char* used = "calibrated";                  // or "trained"
};
/// calibration_leak: the same file, another part of the same corpus, or shared n-grams
/// (text/overlap.h). N-grams are counted once for all trials that share data and items.
VerdictRow judge_leak(const Evidence& evidence, const CalibrationSource& calibration,
                      Workbench& bench);

/// The sequences of text batches as texts.
std::vector<std::string> texts_of(const std::vector<Batch>& batches, const Tokenizer& tokenizer);

/// A file as people know it: below data/ where it ships.
std::string shown(const std::string& file);

/// SHA-256 of a data file: shipped in data/, or a path; read once for each process.
const std::string& bytes_of(const std::string& file);

}  // namespace bench
