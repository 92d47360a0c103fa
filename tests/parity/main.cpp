// bench-parity: replays what was recorded from other systems. `bench verify` execs it.
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "base/error.h"
#include "data/data.h"
#include "parity/hydra/conformance.h"
#include "parity/verify.h"

namespace {

/// Records of Hydra and OmegaConf: a table of files.
int verify_config(const std::string& folder) {
  const std::string row = "{:<32}{:>8}{:>8}{:>8}{:>8}\n";
  int failed = 0, passed = 0;
  std::string text,
      table = fmt::format(fmt::runtime(row), "file", "passed", "failed", "refused", "skipped");
  for (const auto& [file, count] : bench::verify_config_folder(folder)) {
    for (const auto& line : count.lines) text += file + " " + line + "\n";
    table += fmt::format(fmt::runtime(row), file, count.passed, count.failed, count.refused,
                         count.skipped);
    failed += count.failed;
    passed += count.passed;
  }
  fmt::print("{}{}", text, table);
  return failed > 0 || passed == 0 ? 1 : 0;
}

/// FOLDER [--full] [--models DIR]...
int verify(const std::vector<std::string>& words) {
  std::string folder;
  auto models = bench::model_folders();
  bool full = false;
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "--full")
      full = true;
    else if (words[i] == "--models" && i + 1 < words.size())
      models.emplace_back(words[++i]);
    else if (folder.empty() && words[i].rfind("--", 0) != 0)
      folder = words[i];
    else
      bench::fail("verify: unexpected '{}'; usage: bench verify FOLDER [--full] [--models DIR]...",
                  words[i]);
  }
  if (folder.empty())
    bench::fail("verify: which folder? usage: bench verify FOLDER [--full] [--models DIR]...");
  if (bench::holds_config_cases(folder)) return verify_config(folder);
  return bench::verify::verify_folder(folder, models, full);
}

}  // namespace

int main(int argc, char** argv) {
  int code = 2;
  try {
    code = verify({argv + 1, argv + argc});
  } catch (const std::exception& e) {
    std::fprintf(stderr, "bench: %s\n", e.what());
  }
  if (std::fflush(nullptr) != 0 && code == 0) code = 1;
  std::_Exit(code);  // LibTorch would take its tables of operators apart, one by one
}
