// verify: recorded configurations are compared here, everything else by bench-engine.
#include "config/conformance.h"
#include "front/verbs.h"

namespace bench::front {

int verify(const Options& options) {
  const auto& folder = options.arguments[0];
  if (!holds_config_cases(folder)) {
    std::vector<std::string> words{"verify", folder};
    for (const auto& models : options.all("--models")) {
      words.emplace_back("--models");
      words.push_back(models);
    }
    if (options.has("--full")) words.emplace_back("--full");
    return hand_over(words);
  }
  std::string text;
  int failed = 0, passed = 0;
  const std::string row = "{:<32}{:>8}{:>8}{:>8}{:>8}\n";
  std::string table =
      fmt::format(fmt::runtime(row), "file", "passed", "failed", "refused", "skipped");
  for (const auto& [file, count] : verify_config_folder(folder)) {
    for (const auto& line : count.lines) text += file + " " + line + "\n";
    table += fmt::format(fmt::runtime(row), file, count.passed, count.failed, count.refused,
                         count.skipped);
    failed += count.failed;
    passed += count.passed;
  }
  print(text + table);
  return failed > 0 || passed == 0 ? 1 : 0;
}

}  // namespace bench::front
