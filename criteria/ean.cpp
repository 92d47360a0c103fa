// Expert activation norm: how large an expert's outputs are on its own tokens
// (CerebrasResearch/reap@1970473 src/reap/pruning_metrics.py:172-214). sum and mean of norms, sum
// weighted by the router's probability, or the norm of the mean output (ca).
#include "measure/routed.h"

namespace bench {
namespace {

class Ean : public RoutedCriterion {
 public:
  static Schema schema() {
    return RoutedCriterion::schema() +
           Schema{key("form", "sum",
                      "sum or mean of norms, weighted: by the router, ca: norm of the mean output")
                      .one_of({"sum", "mean", "weighted", "ca"})};
  }
  explicit Ean(const Config& c) : RoutedCriterion(c), form_(c.get<std::string>("form")) {}

 protected:
  Tensor of(const RoutedTokens& seen) const override {
    if (form_ == "mean") return seen.mean(seen.norm);
    if (form_ == "weighted") return seen.weighted;
    if (form_ == "ca")
      return at::linalg_vector_norm(seen.output / seen.count.clamp_min(1).unsqueeze(1), 2, 1);
    return seen.norm;
  }

 private:
  std::string form_;
};

BENCH_REGISTER(Criterion, Ean, "ean", .doc = "norms of an expert's outputs on its own tokens",
               .source = "Jaiswal et al. 2025, arXiv 2504.05586", .year = 2025,
               .data = About::Data::Unlabelled);

}  // namespace
}  // namespace bench
