#pragma once
#include "hydra/compose/compose.h"
#include "test.h"

namespace bench::test {

/// A folder of config files for one test.
struct Tree {
  explicit Tree(std::initializer_list<std::pair<const char*, std::string>> files) {
    for (const auto& [name, text] : files) write(name, text);
  }
  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((folder.path / name).parent_path());
    std::ofstream(folder.path / name) << text;
  }
  ComposeRequest request(std::vector<std::string> overrides = {}, bool multirun = false) const {
    ComposeRequest request;
    request.primary = folder.path / "config.yaml";
    request.overrides = std::move(overrides);
    request.multirun = multirun;
    return request;
  }
  std::string config(std::vector<std::string> overrides = {}) const {
    return to_json(compose(request(std::move(overrides))).config);
  }
  std::string error(std::vector<std::string> overrides = {}, bool multirun = false) const {
    return error_of([&] { expand(request(std::move(overrides), multirun)); });
  }
  /// "a=1 b=2 | a=1 b=3"
  std::string jobs(std::vector<std::string> overrides = {}, bool multirun = false) const {
    std::string text;
    for (const auto& job : expand(request(std::move(overrides), multirun))) {
      if (!text.empty()) text += " | ";
      for (size_t i = 0; i < job.overrides.size(); ++i) text += (i ? " " : "") + job.overrides[i];
    }
    return text;
  }
  TempDir folder;
};

}  // namespace bench::test
