// Sum of the router's probabilities over the tokens that are routed to an expert
// (CerebrasResearch/reap@1970473 src/reap/pruning_metrics.py:172-214,
// weighted_expert_frequency_sum).
#include "measure/routed.h"

namespace bench {
namespace {

class SoftFrequency : public RoutedCriterion {
 public:
  using RoutedCriterion::RoutedCriterion;

 protected:
  Tensor of(const RoutedTokens& seen) const override { return seen.probability; }
};

BENCH_REGISTER(Criterion, SoftFrequency, "soft_frequency",
               .doc = "the router's probabilities, summed over an expert's tokens",
               .source = "Lasby et al. 2025, arXiv 2510.13999", .year = 2025,
               .data = About::Data::Unlabelled);

}  // namespace
}  // namespace bench
