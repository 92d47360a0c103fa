// paired: is one method better than others, over all trials that match?
#include "reports/paired.h"

#include "front/verbs.h"

namespace bench::front {

int paired(const Options& options) {
  const Store store(options.get("--db", "out/bench.db"), Store::Mode::ReadOnly);
  const Rows rows = read_rows(store);
  const Selection selection{options.all("--model"), options.all("--task"),
                            options.all("--protocol")};
  std::map<std::string, Outcome> known;  // the first method's are asked for again and again
  const OutcomeOf outcome_of = [&](const std::string& trial) -> Outcome {
    auto& slot = known[trial];
    if (slot.metrics.empty()) slot = store.outcome(trial);
    return slot;
  };
  std::vector<Paired> all;
  for (size_t i = 1; i < options.arguments.size(); ++i)
    all.push_back(as_usage([&] {
      return bench::paired(rows, outcome_of, options.arguments[0], options.arguments[i], selection);
    }));
  print(render_paired(all, options.get("--format", "table")));
  return 0;
}

}  // namespace bench::front
