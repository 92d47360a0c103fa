// How many tokens are routed to an expert (the baseline of REAP's authors; Lasby et al. 2025,
// arXiv 2510.13999; CerebrasResearch/reap@1970473 src/reap/pruning_metrics.py:172).
#include "measure/routed.h"

namespace bench {
namespace {

class ExpertFrequency : public RoutedCriterion {
 public:
  using RoutedCriterion::RoutedCriterion;

 protected:
  Tensor of(const RoutedTokens& seen) const override { return seen.count; }
};

BENCH_REGISTER(Criterion, ExpertFrequency, "expert_frequency",
               .doc = "how many tokens are routed to an expert",
               .source = "Lasby et al. 2025, arXiv 2510.13999", .year = 2025,
               .data = About::Data::Unlabelled);

}  // namespace
}  // namespace bench
