#include "reports/long.h"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "reports/cell.h"
#include "reports/escape.h"
#include "reports/render.h"

namespace bench {

namespace {

using Json = nlohmann::json;
using Leaves = std::map<std::string, std::string>;

void add_leaves(const Json& node, const std::string& place, Leaves& leaves) {
  if (node.is_object() && !node.empty()) {
    for (const auto& [key, child] : node.items()) add_leaves(child, place + "." + key, leaves);
    return;
  }
  leaves[place] = node.is_null()     ? ""
                  : node.is_string() ? node.get<std::string>()
                                     : node.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string render_long(const Rows& rows, const Selection& selection) {
  std::map<std::string, Leaves> configs;
  std::set<std::string> keys;
  std::map<std::string, const Trial*> trials;
  for (const auto& t : rows.trials) {
    trials[t.id] = &t;
    auto& leaves = configs[t.id];
    add_leaves(Json::parse(t.config, nullptr, false), "config", leaves);
    for (const auto& [key, value] : leaves) keys.insert(key);
  }
  const auto facts = facts_of(rows);
  std::string out =
      "trial,model,method,kind,pattern,sparsity,measured_sparsity,seeds,task,protocol,metric,value,"
      "stderr,n,unit,higher_is_better,mark,revision,weights";
  for (const auto& key : keys) out += "," + csv(key);
  out += "\r\n";
  for (const auto& m : rows.metrics) {
    const auto it = trials.find(m.trial);
    if (it == trials.end() || !selected(selection, it->second->model, m.metric)) continue;
    const Trial& t = *it->second;
    Cell seen;
    judge(seen, facts, m.metric, t.id);
    const auto measured = facts.measured.find(t.id);
    out +=
        fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}", csv(t.id),
                    csv(t.model), csv(t.method), t.kind, csv(t.pattern), exact(t.sparsity),
                    measured == facts.measured.end() ? "" : exact(measured->second), csv(t.seeds),
                    csv(m.metric.task), csv(m.metric.protocol), csv(m.metric.name),
                    exact(m.metric.value), exact(m.metric.stderr_), m.metric.n, csv(m.metric.unit),
                    !m.metric.directed          ? ""
                    : m.metric.higher_is_better ? "1"
                                                : "0",
                    mark_of(seen), csv(t.revision), t.weights);
    const auto& leaves = configs.at(t.id);
    for (const auto& key : keys) {
      const auto leaf = leaves.find(key);
      out += "," + (leaf == leaves.end() ? "" : csv(leaf->second));
    }
    out += "\r\n";
  }
  return out;
}

}  // namespace bench
