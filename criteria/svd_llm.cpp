// SVD-LLM (Wang et al. 2024, arXiv 2403.07378; AIoT-MLSys-Lab/SVD-LLM@1c1009a SVDLLM.py:81-230,
// 442-495): the singular values of W L are losses of the layer's output where L L^T = sum x^T x, so
// that cutting the smallest ones costs least. Then, block by block on what the split model gives,
// the left factor is fitted by least squares to the outputs of the dense layer.
#include "core/stage.h"
#include "measure/low_rank.h"
#include "walk/walk.h"

namespace bench {
namespace {

class SvdLlm : public Stage {
 public:
  static Schema schema() {
    return {key("keep", 0.8, "share of each layer's parameters that its two factors hold")
                .range(0.001, 1),
            key("whiten", true, "scale by the inputs; false: the plain singular values of W"),
            key("update", false,
                "fit the left factor to the dense layer's outputs, block by block, on inputs from "
                "the blocks that were split")};
  }
  explicit SvdLlm(const Config& c)
      : keep_(c.get<double>("keep")),
        whiten_(c.get<bool>("whiten")),
        update_(c.get<bool>("update")) {}
  bool calibrates() const override { return whiten_ || update_; }

  void apply(StageContext& c) const override {
    at::NoGradGuard no_grad;
    const auto layers = splittable(c.model, "stage svd_llm");
    Calibration data = calibrates() ? c.calibration() : Calibration();
    if (calibrates()) data.start(c.model);
    std::vector<Truncated> found;
    {
      const auto stats = whiten_ ? scatter(c.model, {0, c.model.block_count()}, data, layers)
                                 : std::make_shared<Stats>();
      for (Layer* l : layers) found.push_back(split(*l, *stats));
    }
    if (!update_)
      for (size_t i = 0; i < layers.size(); ++i)
        layers[i]->set_low_rank(found[i].u, found[i].v, {});
    else
      fit(c, data, layers, found);
    if (c.record) c.record("keep", keep_, "share of parameters");
  }

 private:
  static std::shared_ptr<const Stats> scatter(Model& model, Scope scope, const Calibration& data,
                                              const std::vector<Layer*>& layers) {
    return collect({model, scope, data, layers}, {need<InputScatter>()}, Pass::Local);
  }

  Truncated split(const Layer& l, const Stats& stats) const {
    const auto w = l.matrix().to(at::kDouble);
    const auto rank = std::max<int64_t>(rank_for(l.rows(), l.columns(), keep_), 1);
    if (!whiten_) return truncated(w, rank);
    const auto root = stats.get<InputScatter>(l).root();
    auto t = truncated(w.mm(root), rank);
    // v L^-1, L lower triangular
    t.v = at::linalg_solve_triangular(root, t.v, /*upper=*/false, /*left=*/false);
    return t;
  }

  /// Block by block: u (v X^T X v^T) = W X^T X v^T.
  static void fit(StageContext& c, Calibration& data, const std::vector<Layer*>& layers,
                  const std::vector<Truncated>& found) {
    std::map<const Layer*, const Truncated*> of;
    for (size_t i = 0; i < layers.size(); ++i) of[layers[i]] = &found[i];
    walk(
        c.model, data, stops(c.model.block_count(), Propagation::SequentialBlock, {}),
        [&](const Stop& stop) {
          std::vector<Layer*> here;
          for (auto b = stop.scope.begin; b < stop.scope.end; ++b)
            for (Layer* l : c.model.layers(b))
              if (of.count(l)) here.push_back(l);
          const auto stats = scatter(c.model, stop.scope, data, here);
          for (Layer* l : here) {
            const auto& v = of.at(l)->v;
            const auto right = stats->get<InputScatter>(*l).sum.mm(v.t());  // [in, rank]
            const auto left = v.mm(right);
            l->set_low_rank(solved(left, l->matrix().to(at::kDouble).mm(right)), v, {});
          }
        },
        c.progress);
  }

  /// x a = b for a symmetric a that may be singular.
  static Tensor solved(const Tensor& a, const Tensor& b) {
    SingleThread alone;
    const auto [lower, info] = at::linalg_cholesky_ex(a);
    if (info.item<int>() == 0) return at::cholesky_solve(b.t(), lower).t();
    return b.mm(at::linalg_pinv(a, 1e-12, /*hermitian=*/true));
  }

  double keep_;
  bool whiten_, update_;
};

BENCH_REGISTER(Stage, SvdLlm, "svd_llm",
               .doc = "each layer as two factors, cut where its output loses least",
               .source = "Wang et al. 2024, arXiv 2403.07378", .year = 2024,
               .when = About::When::Any, .data = About::Data::Unlabelled, .fusion = "low_rank");

}  // namespace
}  // namespace bench
