// REAP, router-weighted expert activation pruning (Lasby et al. 2025, arXiv 2510.13999;
// CerebrasResearch/reap@1970473 src/reap/pruning_metrics.py:172-214): the mean over an expert's
// tokens of the router's probability times the norm of its output. An expert without tokens goes
// first.
#include "measure/routed.h"

namespace bench {
namespace {

class Reap : public RoutedCriterion {
 public:
  using RoutedCriterion::RoutedCriterion;

 protected:
  Tensor of(const RoutedTokens& seen) const override { return seen.mean(seen.weighted); }
};

BENCH_REGISTER(Criterion, Reap, "reap",
               .doc = "mean of the router's probability times the norm of an expert's output",
               .source = "Lasby et al. 2025, arXiv 2510.13999", .year = 2025,
               .data = About::Data::Unlabelled);

}  // namespace
}  // namespace bench
