// Which units stay is a knapsack: the largest sum of scores whose cost fits into what is left of
// the budget (HALP, Shen et al. 2022, arXiv 2110.10811: latency there, from a table of one card;
// here what can be counted, multiply-accumulates or memory). Within a group units go in the order
// of their scores; how many of each group go is found by a dynamic programme, exact up to the steps
// in which the budget is counted.
#include <algorithm>
#include <cmath>

#include "core/allocator.h"
#include "measure/cost.h"
#include "measure/normalize.h"
#include "measure/shortest.h"

namespace bench {
namespace {

class Knapsack : public Allocator {
 public:
  static Schema schema() {
    return {
        key("cost", "macs",
            "what a unit takes of the budget: macs, its multiply-accumulates; memory, its "
            "weights and the outputs of its channels for one input")
            .one_of({"macs", "memory"}),
        key("normalise", "none", "how the scores of a group are scaled before they are added up")
            .one_of(normalizers()),
        sentinel_key(),
        key("buckets", 10000, "steps in which the budget is counted").range(10, 1000000)};
  }
  explicit Knapsack(const Config& c)
      : memory_(c.get<std::string>("cost") == "memory"),
        normalise_(c.get<std::string>("normalise")),
        sentinel_(c.get<double>("sentinel")),
        buckets_(c.get<int64_t>("buckets")) {}
  Accepts accepts() const override {
    return {.weights = false,
            .nm = false,
            .units = {"channel", "neuron", "head", "hidden"},
            .exempt = true,
            .authors_ties = false,
            .depth = false,
            .use = "pattern=channels"};
  }
  bool wants_scores() const override { return true; }
  bool runs() const override { return true; }

  std::vector<Share> shares(const Split& split) const override {
    const auto& parts = split.parts;
    if (!split.probe || split.probe->data.batches.empty())
      fail("allocator knapsack: counts costs on inputs, and there is no data");
    const auto positions = output_positions(split.probe->model, split.probe->data.batches.front());
    double whole = 0;
    std::vector<double> costs;
    for (const auto& p : parts) {
      costs.push_back(cost_of_unit(*p.group, positions));
      whole += costs.back() * static_cast<double>(p.size);
    }
    std::vector<std::vector<Choice>> all;
    for (size_t i = 0; i < parts.size(); ++i)
      all.push_back(choices(split.scores.of(i), parts[i], costs[i]));
    auto found = cheapest_choices(all, split.target * whole, buckets_);
    if (found.empty())  // more is asked for than may go: everything that may
      for (const auto& choices_of_part : all) found.push_back(choices_of_part.size() - 1);
    std::vector<Share> out;
    for (size_t i = 0; i < parts.size(); ++i) {
      const auto gone = static_cast<int64_t>(found[i]);
      out.push_back({static_cast<double>(gone) / static_cast<double>(parts[i].size), gone});
    }
    return out;
  }

 private:
  double cost_of_unit(const Group& g, const std::map<const Layer*, int64_t>& positions) const {
    double cost = 0;
    for (const auto& s : g.slices) {
      const auto lines = static_cast<double>(s.width * s.stretches);
      const auto weights = lines * static_cast<double>(s.layer->flat().size(1 - s.dim));
      const auto it = positions.find(s.layer);
      const auto at = static_cast<double>(it == positions.end() ? 1 : it->second);
      cost += memory_ ? weights + (s.dim == Slice::Out ? lines * at : 0) : weights * at;
    }
    return cost;
  }

  /// Choice k: the k lowest go, and their scores are lost. What is gone already costs nothing.
  std::vector<Choice> choices(const Tensor& scores, const Part& part, double cost) const {
    auto s = scores.detach().to(at::kCPU, at::kFloat).flatten().to(at::kDouble);
    const auto here = at::isfinite(s);
    if (normalise_ != "none" && here.any().item<bool>())
      s = s.masked_scatter(here, normalized(s.masked_select(here), normalise_, sentinel_));
    const auto sorted = std::get<0>(s.sort());
    std::vector<Choice> all{{0, 0}};
    double lost = 0;
    for (int64_t k = 0; k < part.size - part.at_least; ++k) {
      const double score = sorted[k].item<double>();
      if (std::isfinite(score)) lost += score;
      all.push_back({lost, static_cast<double>(k + 1) * cost});
    }
    return all;
  }

  bool memory_;
  std::string normalise_;
  double sentinel_;
  int64_t buckets_;
};

BENCH_REGISTER(Allocator, Knapsack, "knapsack",
               .doc = "the units whose scores add up to most within a budget of MACs or memory",
               .source = "Shen et al. 2022, arXiv 2110.10811", .year = 2022,
               .data = About::Data::Unlabelled, .how = About::How::Searched);

}  // namespace
}  // namespace bench
