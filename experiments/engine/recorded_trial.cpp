#include "engine/recorded_trial.h"

#include "base/error.h"
#include "hydra/yaml/yaml.h"
#include "trial/trial.h"

namespace bench::engine {

RecordedTrial recorded_trial(const std::string& verb, const std::string& database,
                             const std::string& id) {
  const Store store(database, Store::Mode::ReadOnly);
  const auto trial = store.trial(id);
  if (!trial)
    fail("{}: {} has no trial '{}'; 'bench list' shows those that are there", verb, database, id);
  return {*trial, store.outcome(trial->id)};
}

std::string hash_of(const std::vector<std::pair<std::string, std::string>>& hashes,
                    const std::string& name) {
  for (const auto& [key, value] : hashes)
    if (key == name) return value;
  return "";
}

Value runnable(const Trial& trial, const std::string& otherwise) {
  std::vector<std::string> mistakes;
  auto plan = plan_trial(load_yaml(trial.config, "trial " + trial.id), mistakes);
  if (!mistakes.empty())
    fail("trial {} cannot be computed again here: {}{}", trial.id.substr(0, 16),
         otherwise.empty() ? "" : otherwise + "; ", mistakes.front());
  return std::move(plan.config);
}

}  // namespace bench::engine
