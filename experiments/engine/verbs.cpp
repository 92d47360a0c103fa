#include "engine/verbs.h"

#include <filesystem>
#include <iostream>
#include <map>

#include "base/error.h"
#include "base/near.h"
#include "config/conformance.h"
#include "io/data.h"
#include "verify/verify.h"

namespace bench::engine {

namespace {

int verify_config(const std::string& folder) {
  int failed = 0, passed = 0;
  for (const auto& [file, count] : verify_config_folder(folder)) {
    for (const auto& line : count.lines) std::cout << line << "\n";
    std::cout << fmt::format("{:<32}{:>6} passed{:>6} failed{:>6} skipped\n", file, count.passed,
                             count.failed, count.skipped);
    failed += count.failed;
    passed += count.passed;
  }
  return failed > 0 || passed == 0 ? 1 : 0;
}

}  // namespace

int verify(const Arguments& a) {
  std::string folder;
  auto folders = model_folders();
  bool full = false;
  for (size_t i = 1; i < a.size(); ++i) {
    if (a[i] == "--full")
      full = true;
    else if (a[i] == "--models" && i + 1 < a.size())
      folders.emplace_back(a[++i]);
    else if (folder.empty() && a[i].rfind("--", 0) != 0)
      folder = a[i];
    else
      fail("verify: unexpected '{}'; usage: bench verify FOLDER [--full] [--models DIR]...", a[i]);
  }
  if (folder.empty())
    fail("verify: which folder? usage: bench verify FOLDER [--full] [--models DIR]...");
  // Recorded configuration cases are told by their own files.
  if (std::filesystem::exists(std::filesystem::path(folder) / "override_grammar.jsonl"))
    return verify_config(folder);
  return verify::verify_folder(folder, folders, full);
}

int dispatch(const Arguments& a) {
  static const std::map<std::string, int (*)(const Arguments&)> kVerbs{
      {"run", run},           {"plan", plan},       {"worker", worker},    {"verify", verify},
      {"criteria", criteria}, {"explain", explain}, {"tokenize", tokenize}};
  std::vector<std::string> known;
  for (const auto& [name, run] : kVerbs) known.push_back(name);
  if (a.empty()) fail("which verb?{}", suggestion("", known));
  const auto it = kVerbs.find(a[0]);
  if (it == kVerbs.end()) fail("unknown verb '{}'{}", a[0], suggestion(a[0], known));
  return it->second(a);
}

}  // namespace bench::engine
