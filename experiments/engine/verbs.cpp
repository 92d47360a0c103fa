#include "engine/verbs.h"

#include <map>

#include "base/error.h"
#include "base/near.h"
#include "io/data.h"
#include "verify/verify.h"

namespace bench::engine {

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
  return verify::verify_folder(folder, folders, full);
}

int dispatch(const Arguments& a) {
  static const std::map<std::string, int (*)(const Arguments&)> kVerbs{
      {"run", run},           {"plan", plan},       {"worker", worker},     {"verify", verify},
      {"criteria", criteria}, {"explain", explain}, {"tokenize", tokenize}, {"score", score},
      {"generate", generate}, {"logits", logits},   {"request", request},   {"why", why},
      {"export", export_trial}};
  std::vector<std::string> known;
  for (const auto& [name, run] : kVerbs) known.push_back(name);
  if (a.empty()) fail("which verb?{}", suggestion("", known));
  const auto it = kVerbs.find(a[0]);
  if (it == kVerbs.end()) fail("unknown verb '{}'{}", a[0], suggestion(a[0], known));
  return it->second(a);
}

}  // namespace bench::engine
