#include "reports/flips.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "base/error.h"
#include "reports/cell.h"

namespace bench {
namespace {

using Items = std::vector<float>;
using MetricKey = std::tuple<std::string, std::string, std::string>;  // task, protocol, name

MetricKey key_of(const MetricRow& m) {
  return {m.task, m.protocol, m.name};
}

bool right_or_wrong(const Items& items) {
  return !items.empty() &&
         std::all_of(items.begin(), items.end(), [](float x) { return x == 0 || x == 1; });
}

enum class Way { Both, Lost, Gained };

Items turned(const Items& dense, const Items& now, Way way) {
  Items out(dense.size());
  for (size_t i = 0; i < out.size(); ++i) {
    const bool lost = dense[i] == 1 && now[i] == 0, gained = dense[i] == 0 && now[i] == 1;
    out[i] = (way != Way::Gained && lost) || (way != Way::Lost && gained) ? 1.0f : 0.0f;
  }
  return out;
}

MetricRow share_of(const MetricRow& of, const char* name, const Items& items, bool directed) {
  MetricRow m = of;
  m.name += name;
  m.n = static_cast<int64_t>(items.size());
  const auto n = static_cast<double>(items.size());
  m.value = static_cast<double>(std::count(items.begin(), items.end(), 1.0f)) / n;
  m.stderr_ = n > 1 ? std::sqrt(m.value * (1 - m.value) / (n - 1)) : kNone;
  m.unit = "share";
  m.higher_is_better = false;
  m.directed = directed;
  return m;
}

/// Where the scores of a derived metric come from.
struct Source {
  std::string dense;  // its trial
  MetricRow of;
  Way way;
};

class Flips {
 public:
  Flips(Rows& rows, const Selection& selection)
      : rows_(rows), selection_(selection), facts_(facts_of(rows)) {
    for (const auto& t : rows.trials) by_id_[t.id] = &t;
    for (const auto& m : rows.metrics)
      if (const auto* t = wanted(m); t && t->kind == "dense" && t->method == "dense")
        add_dense(*t, m.metric);
  }

  std::set<std::string> run(const std::vector<std::string>& keep) {
    std::vector<Store::MetricOf> out;
    for (const auto& m : rows_.metrics) {
      if (const auto* t = wanted(m)) add(*t, m.metric, out);
      if (std::find(keep.begin(), keep.end(), m.metric.name) != keep.end()) out.push_back(m);
    }
    if (sources_.empty())
      fail(
          "--flips: no trial has right and wrong answers to the same items as a dense trial of its "
          "model; run a task of answers (arc_easy, piqa) on the dense model, too");
    std::set<std::string> made;
    for (const auto& [key, source] : sources_) made.insert(std::get<2>(key.second));
    rows_.metrics = std::move(out);
    rows_.items = [items = rows_.items, sources = std::move(sources_)](const std::string& trial,
                                                                       const MetricRow& metric) {
      const auto it = sources.find({trial, key_of(metric)});
      if (it == sources.end()) return items(trial, metric);
      const auto& [dense, of, way] = it->second;
      return turned(items(dense, of), items(trial, of), way);
    };
    return made;
  }

 private:
  struct Dense {
    const Trial* trial;
    Items items;
  };

  /// Its trial, where it is selected.
  const Trial* wanted(const Store::MetricOf& m) const {
    const auto it = by_id_.find(m.trial);
    if (it == by_id_.end() || !selected(selection_, it->second->model, m.metric)) return nullptr;
    return it->second;
  }

  bool valid(const Trial& t, const MetricRow& m) const {
    Cell seen;
    judge(seen, facts_, m, t.id);
    return seen.invalid.empty();
  }

  void add_dense(const Trial& t, const MetricRow& m) {
    if (m.items_hash.empty() || !valid(t, m)) return;
    auto& slot = dense_[{t.model, key_of(m)}];
    if (slot.trial && slot.trial->number > t.number) return;
    auto items = rows_.items(t.id, m);
    if (right_or_wrong(items)) slot = {&t, std::move(items)};
  }

  void add(const Trial& t, const MetricRow& m, std::vector<Store::MetricOf>& out) {
    if (t.kind == "dense" || t.kind == "foreign" || m.items_hash.empty()) return;
    const auto it = dense_.find({t.model, key_of(m)});  // item lists are told apart by the task
    if (it == dense_.end() || !it->second.trial) return;
    const auto items = rows_.items(t.id, m);
    if (!right_or_wrong(items) || items.size() != it->second.items.size()) return;
    static constexpr std::tuple<const char*, Way, bool> kWays[] = {
        {" flips", Way::Both, true}, {" lost", Way::Lost, true}, {" gained", Way::Gained, false}};
    for (const auto& [name, way, directed] : kWays) {
      out.push_back({t.id, share_of(m, name, turned(it->second.items, items, way), directed)});
      sources_[{t.id, key_of(out.back().metric)}] = {it->second.trial->id, m, way};
    }
  }

  Rows& rows_;
  const Selection& selection_;
  TrialFacts facts_;
  std::map<std::string, const Trial*> by_id_;
  std::map<std::pair<std::string, MetricKey>, Dense> dense_;     // by model
  std::map<std::pair<std::string, MetricKey>, Source> sources_;  // by trial
};

}  // namespace

std::set<std::string> to_flips(Rows& rows, const Selection& selection,
                               const std::vector<std::string>& keep) {
  return Flips(rows, selection).run(keep);
}

}  // namespace bench
