#include "results/setting.h"

#include <nlohmann/json.hpp>

namespace bench {

namespace {

using Json = nlohmann::json;  // sorts the keys of a map

std::string text_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// Moves every seed below a node into `seeds`, under its place.
void take_seeds(Json& node, const std::string& place, Json& seeds) {
  if (!node.is_structured()) return;
  if (node.is_object())
    for (const char* name : {"seed", "base_seed"})
      if (const auto it = node.find(name); it != node.end()) {
        seeds[place + name] = *it;
        node.erase(it);
      }
  for (const auto& [key, child] : node.items()) take_seeds(child, place + key + ".", seeds);
}

}  // namespace

Setting setting_of(const TrialSpec& trial) {
  auto identity = Json::parse(trial.identity, nullptr, false);
  if (!identity.is_object()) identity = Json::object();
  Setting s;
  const bool stages = identity.contains("before") || identity.contains("after");
  s.kind = identity.contains("foreign")                                 ? "foreign"
           : identity.contains("criterion") || trial.pattern != "dense" ? "pruned"
           : stages                                                     ? "changed"
                                                                        : "dense";
  if (const auto it = identity.find("model"); it != identity.end() && it->is_string())
    s.weights = it->get<std::string>();
  for (const char* other : {"model", "tasks", "sparsity"}) identity.erase(other);
  if (const auto it = identity.find("pattern"); it != identity.end() && it->is_object()) {
    for (const char* column : {"kind", "keep", "of", "groups"}) it->erase(column);
    if (it->empty()) identity.erase("pattern");
  }
  Json seeds = Json::object();
  take_seeds(identity, "", seeds);
  s.settings = text_of(identity);
  s.seeds = seeds.empty() ? "" : text_of(seeds);
  return s;
}

}  // namespace bench
