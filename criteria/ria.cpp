// RIA (Zhang et al. 2024, "Plug-and-Play: An Efficient Post-training Pruning Method for LLMs";
// biomedical-cybernetics/Relative-importance-and-activation-pruning@7bc55b0 lib/prune.py:239,
// 403-410): a weight's share of its row and of its column, times the input's norm to a power.
// Weights compete within the layer; pattern per=row is the authors' per_outneuron.
#include "core/criterion.h"
#include "measure/statistics.h"

namespace bench {
namespace {

class Ria : public Criterion {
 public:
  static Schema schema() {
    return {key("power", 0.5, "alpha: of the norm of the input column").range(0, 10),
            key("reallocation", "none",
                "n:m with tie: reference: each layer's columns are dealt to groups so that more is "
                "retained, or dealt and assigned; the mask is n:m only in that order. For masks that "
                "are n:m as they stand: before: [channel_permutation]")
                .one_of({"none", "deal", "assign"}),
            key("importance", "sum", "of a column, by which it is dealt").one_of({"sum", "layer", "row"}),
            key("share", 0.5, "importance layer, row: what pruning single weights removes")
                .range(0, 1),
            key("blocks", 1, "parts of the columns that are assigned apart from each other")
                .range(1, 4096)};
  }
  explicit Ria(const Config& c)
      : power_(c.get<double>("power")),
        reallocation_(c.get<std::string>("reallocation")),
        settings_{{"assign", Value(reallocation_ == "assign")},
                  {"importance", Value(c.get<std::string>("importance"))},
                  {"share", Value(c.get<double>("share"))},
                  {"blocks", Value(c.get<int64_t>("blocks"))}} {}

  Ranks accepts() const override {
    if (reallocation_ == "none") return {};
    return {{.leaves_pattern = true}, Contest::Layer, "ria_reallocation", Value(settings_)};
  }
  Needs needs() const override { return {need<InputMoments>()}; }
  /// (|W| / sum over outputs + |W| / sum over inputs) a^alpha, float32. Sums are over the whole
  /// layer, also where a slab is scored.
  Tensor score(const View& view, const Stats& stats) const override {
    const auto all = view.layer.matrix().to(at::kFloat).abs();
    const auto size = view.weight.to(at::kFloat).abs();
    const auto of_row = all.sum(1, true);
    const auto of_column = size.sum(0, true);
    const auto norm = stats.get<InputMoments>(view.layer).scaler_row().to(at::kFloat).sqrt();
    // A row or column of zeros has no shares: its weights are the lowest there are.
    const auto relative = (size / of_column).nan_to_num(0) + (size / of_row).nan_to_num(0);
    return relative * view.columns(norm).pow(power_);
  }

 private:
  double power_;
  std::string reallocation_;
  Value::Map settings_;
};

BENCH_REGISTER(Criterion, Ria, "ria",
               .doc = "a weight's share of its row and column, times the input's norm to a power",
               .source = "Zhang et al. 2024, OpenReview Tr0lPx9woF", .year = 2024,
               .data = About::Data::Unlabelled);

}  // namespace
}  // namespace bench
