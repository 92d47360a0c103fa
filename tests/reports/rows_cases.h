#pragma once
#include <fmt/format.h>

#include "reports/distinguish.h"
#include "reports/pivot.h"
#include "results/setting.h"

namespace bench::test {

/// A ledger's rows, made by hand.
struct RowsMaker {
  Rows rows;

  std::string trial(const std::string& method, const std::string& pattern, double sparsity,
                    const std::string& state = "done", const std::string& identity = "{}") {
    Trial t;
    t.id = fmt::format("id{}", rows.trials.size());
    t.number = static_cast<int64_t>(rows.trials.size()) + 1;
    t.model = model;
    t.method = method;
    t.pattern = pattern;
    t.sparsity = sparsity;
    t.state = state;
    t.identity = identity;
    const auto setting = setting_of(t);
    t.kind = setting.kind;
    t.weights = setting.weights;
    t.settings = setting.settings;
    t.seeds = setting.seeds;
    rows.trials.push_back(t);
    return t.id;
  }
  void metric(const std::string& id, double value, double error = kNone,
              const std::string& task = "wikitext2@512", const std::string& protocol = "wanda@1",
              const std::string& name = "ppl", bool higher = false) {
    rows.metrics.push_back({id, {task, protocol, name, value, error, 1, "", higher, {}, ""}});
  }

  /// As a report reads them.
  const Rows& read() {
    distinguish(rows);
    return rows;
  }

  std::string model = "tiny";
};

}  // namespace bench::test
