// SliceGPT (Ashkboos et al. 2024, arXiv 2401.15024): the residual stream is turned to its principal
// components at every norm, and the last of them are cut away through the whole model. Components
// stand in descending order of their eigenvalues, so that a component's score is its place.
#include "measure/calibrated.h"
#include "core/criterion.h"
#include "core/stream.h"

namespace bench {
namespace {

class SliceGpt : public Criterion {
 public:
  static Schema schema() {
    return {key("round", 8, "tie=reference: the width that stays is rounded down to a multiple")
                .at_least(1)};
  }
  explicit SliceGpt(const Config& c) : round_(c.get<int64_t>("round")) {}

  void check(const Pattern& p) const override {
    if (p.kind != Pattern::Structured || p.groups != std::vector<std::string>{"hidden"})
      fail("slicegpt: cuts components of the residual stream; use pattern=hidden");
    if (p.exempt_first || p.exempt_last || p.of_parameters)
      fail("slicegpt: cuts the whole stream; exempt blocks and target_of=parameters do not apply");
  }
  Needs needs() const override { return {need<Calibrated>()}; }

  void prepare(Model& model, Calibration& data, const Pattern& p, double target) const override {
    const auto width = model.groups("hidden").front().units;
    turn_stream(
        model, data,
        p.reference_ties ? rounded(width, target) : width - removed_units(width, 1, target));
  }

  Tensor score(const View& view, const Stats&) const override {
    return at::zeros_like(view.weight, at::kFloat);
  }
  Tensor units(const Group& group, const Stats&) const override {
    return at::arange(group.units, 0, -1, at::kDouble);
  }
  Tensor reference_units(const Group& group, const Tensor& score, double ratio) const override {
    return select_units(score, group.units - rounded(group.units, ratio));
  }

 private:
  /// run_slicegpt.py:217-219.
  int64_t rounded(int64_t width, double target) const {
    const auto kept = static_cast<int64_t>((1 - target) * static_cast<double>(width));
    return std::max(kept - kept % round_, int64_t{1});
  }

  int64_t round_;
};

BENCH_REGISTER(Criterion, SliceGpt, "slicegpt", "principal components of the residual stream");

}  // namespace
}  // namespace bench
