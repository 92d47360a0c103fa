// The shares of layers by a dynamic programme over what each loses at each level (Frantar and
// Alistarh 2022, arXiv 2208.11580, section 5; IST-DASLab/OBC@9b7979b database.py, spdy.py): levels
// 1 - 0.9^k of a layer, the least sum of losses under which the target is reached. A loss is the
// squared error of the layer's outputs: of the masks that the trial's own method would choose, or
// ExactOBS's sum of its cheapest steps (measure/row_obs.h).
#include <algorithm>
#include <cmath>
#include <map>

#include "core/allocator.h"
#include "measure/row_obs.h"
#include "measure/shortest.h"

namespace bench {
namespace {

class ObcDp : public Allocator {
 public:
  static Schema schema() {
    return {key("losses", "masks",
                "masks: what the method's own masks lose at each level; traces: ExactOBS's exact "
                "steps, O(columns^3) a row")
                .one_of({"masks", "traces"}),
            key("decay", 0.9, "level k removes 1 - decay^k of a layer").range(0.1, 0.999),
            key("highest", 0.99, "no layer loses a larger share").range(0.01, 1),
            key("relative", false,
                "losses are shares of the layer's squared outputs; false: as they are, so that "
                "layers with large outputs keep more"),
            key("buckets", 10000, "steps in which the budget is counted").range(10, 1000000),
            key("largest", 1024, "losses=traces: columns of a layer beyond which it is refused")
                .range(1, 65536)
                .in("columns")};
  }
  explicit ObcDp(const Config& c)
      : traces_(c.get<std::string>("losses") == "traces"),
        relative_(c.get<bool>("relative")),
        decay_(c.get<double>("decay")),
        highest_(c.get<double>("highest")),
        buckets_(c.get<int64_t>("buckets")),
        largest_(c.get<int64_t>("largest")) {}
  Accepts accepts() const override {
    return {.nm = false, .units = {}, .authors_ties = false, .use = "pattern=unstructured"};
  }
  bool wants_scores() const override { return true; }
  Needs needs() const override { return {need<WideGram>()}; }

  std::vector<Share> shares(const Split& split) const override {
    const auto& parts = split.parts;
    const auto levels = levels_for(split.target);
    std::vector<std::vector<Choice>> all;
    double whole = 0;
    for (size_t i = 0; i < parts.size(); ++i) {
      all.push_back(choices(split, i, levels));
      whole += static_cast<double>(parts[i].size);
    }
    const double wanted = split.target * whole;
    const auto found = cheapest_choices(all, wanted, buckets_);
    if (found.empty())
      fail(
          "allocator obc_dp: {:.3f} of the weights cannot go where no layer loses more than {}; "
          "raise allocator.highest",
          split.target, highest_);
    double removed = 0;
    for (size_t i = 0; i < parts.size(); ++i) removed += all[i][found[i]].gain;
    std::vector<Share> out;
    // What the levels remove beyond the target is given back, to each its part.
    const double stays = removed > 0 ? wanted / removed : 0;
    auto left = static_cast<int64_t>(wanted);
    std::vector<int64_t> counts;
    for (size_t i = 0; i < parts.size(); ++i) {
      counts.push_back(static_cast<int64_t>(all[i][found[i]].gain * stays));
      left -= counts.back();
    }
    for (size_t i = 0; i < parts.size(); ++i) {
      if (left > 0 && counts[i] > 0 && counts[i] < parts[i].size) ++counts[i], --left;
      out.push_back(
          {static_cast<double>(counts[i]) / static_cast<double>(parts[i].size), counts[i]});
    }
    return out;
  }

 private:
  std::vector<double> levels_for(double target) const {
    if (target > highest_)
      fail("allocator obc_dp: the target {} is above allocator.highest={}", target, highest_);
    std::vector<double> all{0};
    for (double left = decay_; 1 - left < highest_; left *= decay_) all.push_back(1 - left);
    all.push_back(highest_);
    return all;
  }

  std::vector<Choice> choices(const Split& split, size_t i,
                              const std::vector<double>& levels) const {
    const auto& part = split.parts[i];
    const auto& layer = *part.layer;
    const auto& gram = split.stats.get<WideGram>(layer);
    const auto w = layer.matrix().to(at::kCPU, at::kDouble);
    const auto h = gram.gram.to(at::kCPU);
    const double energy = relative_ ? w.mm(h).mul(w).sum().item<double>() : 1;
    const double scale = energy > 0 ? 1 / energy : 0;
    const auto trace = traces_ ? sorted_steps(layer, gram) : Tensor();
    std::vector<Choice> all;
    for (const double level : levels) {
      const auto count = static_cast<int64_t>(level * static_cast<double>(part.size));
      double loss = 0;
      if (count > 0 && traces_) {
        loss = trace.slice(0, 0, count).sum().item<double>();
      } else if (count > 0) {
        const auto keep = split.mask(i, {level, count}).cpu();
        const auto gone = w.masked_fill(keep, 0);
        loss =
            gone.mm(h).mul(gone).sum().item<double>() / 2;  // (2 / N) X^T X, as the steps have it
      }
      all.push_back({loss * scale, static_cast<double>(count)});
    }
    return all;
  }

  /// The losses of all single steps of all rows, ascending.
  Tensor sorted_steps(const Layer& layer, const WideGram& gram) const {
    const auto columns = layer.columns();
    if (columns > largest_)
      fail(
          "{}: {} columns; exact steps take O(columns^3) a row; use allocator.losses=masks, or a "
          "larger allocator.largest",
          layer.name, columns);
    Tensor dead;
    const auto inverse = obs_inverse(gram, dead).contiguous();
    const auto w =
        layer.matrix().to(at::kCPU, at::kDouble).masked_fill(dead.unsqueeze(0), 0).contiguous();
    auto losses = at::empty({w.size(0), columns}, at::kDouble);
    at::parallel_for(0, w.size(0), 1, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        RowObs row(inverse.const_data_ptr<double>(), w.const_data_ptr<double>() + r * columns,
                   columns, 1);
        auto* loss = losses.mutable_data_ptr<double>() + r * columns;
        for (int64_t k = 0; k < columns; ++k) {
          const auto [twice, place] = row.cheapest([](int64_t) { return true; });
          loss[k] = twice / 2;
          row.remove(place);
        }
      }
    });
    return std::get<0>(losses.flatten().sort());
  }

  bool traces_, relative_;
  double decay_, highest_;
  int64_t buckets_, largest_;
};

BENCH_REGISTER(Allocator, ObcDp, "obc_dp",
               .doc = "shares of layers by a dynamic programme over their losses at each level",
               .source = "Frantar and Alistarh 2022, arXiv 2208.11580", .year = 2022,
               .data = About::Data::Unlabelled, .how = About::How::Searched);

}  // namespace
}  // namespace bench
