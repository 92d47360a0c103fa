// Magnitude (Han et al. 2015; Zhu & Gupta 2017): |W|, competing within the layer.
#include "core/criterion.h"

namespace bench {
namespace {

class Magnitude : public Criterion {
 public:
  Tensor score(const View& view, const Stats&) const override { return view.weight.abs(); }
};

BENCH_REGISTER(Criterion, Magnitude, "magnitude", .doc = "|W|, per layer",
               .source = "Han et al. 2015, arXiv 1506.02626", .year = 2015);

}  // namespace
}  // namespace bench
