#include "engine/verbs.h"

#include <map>

#include "base/error.h"
#include "base/near.h"

namespace bench::engine {

int dispatch(const Arguments& a) {
  static const std::map<std::string, int (*)(const Arguments&)> kVerbs{
      {"run", run},         {"plan", plan},         {"worker", worker}, {"element", element}, {"criteria", criteria},
      {"explain", explain}, {"tokenize", tokenize}, {"score", score},   {"generate", generate},
      {"logits", logits},   {"request", request},   {"why", why},       {"export", export_trial}};
  std::vector<std::string> known;
  for (const auto& [name, run] : kVerbs) known.push_back(name);
  if (a.empty()) fail("which verb?{}", suggestion("", known));
  const auto it = kVerbs.find(a[0]);
  if (it == kVerbs.end()) fail("unknown verb '{}'{}", a[0], suggestion(a[0], known));
  return it->second(a);
}

}  // namespace bench::engine
