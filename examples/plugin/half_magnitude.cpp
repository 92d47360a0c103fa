// |W|^p with p = 1/2 by default: the order of magnitude's, from a library of its own.
#include "core/criterion.h"

namespace {

using namespace bench;

class HalfMagnitude : public Criterion {
 public:
  static Schema schema() { return {key("power", 0.5, "of |W|").range(0.01, 4)}; }
  explicit HalfMagnitude(const Config& c) : power_(c.get<double>("power")) {}

  Tensor score(const View& view, const Stats&) const override {
    return view.weight.to(at::kFloat).abs().pow(power_);
  }

 private:
  double power_;
};

BENCH_REGISTER(Criterion, HalfMagnitude, "half_magnitude",
               .doc = "a power of |W|: an example of a plugin from elsewhere",
               .source = "examples/plugin of PruneBench", .year = 2026);

}  // namespace
