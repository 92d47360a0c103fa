#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace bench {

/// What became of the records of one file.
struct CaseCount {
  int passed = 0;
  int failed = 0;
  int refused = 0;  // real Hydra lets it pass, we refuse on purpose: each listed with its rule
  int skipped = 0;  // cannot be tried here: each is listed with the reason
  std::vector<std::string> lines;  // one per record that is not passed: id, what, why
};

/// Does a *.jsonl file below the folder begin with a record of a kind that is run here?
bool holds_config_cases(const std::filesystem::path& folder);

/// Runs every record of a folder of recorded Hydra/OmegaConf cases (formats: the README there):
/// *.jsonl files by the fields of their records, wherever they lie below the folder.
std::map<std::string, CaseCount> verify_config_folder(const std::filesystem::path& folder);

}  // namespace bench
