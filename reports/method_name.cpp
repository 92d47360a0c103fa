#include "reports/method_name.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "reports/distinguish.h"

namespace bench {

namespace {

using Json = nlohmann::ordered_json;

Json config_of(const Trial& trial) {
  auto json = Json::parse(trial.config, nullptr, false);
  return json.is_object() ? json : Json::object();
}

Json part(const Json& json, const char* name) {
  return json.contains(name) && json[name].is_object() ? json[name] : Json::object();
}

}  // namespace

std::string stages_of(const Trial& trial) {
  const auto config = config_of(trial);
  std::string all;
  const auto schedule = part(config, "schedule");
  if (schedule.value("steps", 1) > 1)
    all = fmt::format("{}{}", schedule.value("kind", ""), schedule.value("steps", 1));
  for (const char* name : {"before", "after"}) {
    const auto stages = part(config, name);
    for (const auto& [label, stage] : stages.items()) all += (all.empty() ? "" : "+") + label;
  }
  return all;
}

std::vector<std::string> recovery_of(const Trial& trial) {
  std::vector<std::string> names;
  if (trial.config.find("\"after\"") == std::string::npos) return names;
  const auto after = part(config_of(trial), "after");
  for (const auto& [label, stage] : after.items())
    if (stage.is_object()) names.push_back(stage.value("name", ""));
  return names;
}

std::string without_stages(const std::string& method, const std::string& stages) {
  const auto given = given_name(method), end = "+" + stages;
  if (stages.empty() || !given.ends_with(end)) return method;
  return given.substr(0, given.size() - end.size()) + method.substr(given.size());
}

}  // namespace bench
