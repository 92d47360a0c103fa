// Diagonal second-order importance w^2 g^2 (OBD, LeCun et al. 1989, with the empirical Fisher for
// the Hessian) as Torch-Pruning groups it (VainF/Torch-Pruning@e80127d importance.py:662): batch
// norms count too. Its code sums nothing (names are looked up in a dict of tensors): only the LAST
// sample's gradient is left; `accumulate: last` is that, `mean` what its documentation says.
#include "measure/grouped.h"
#include "measure/statistics.h"

namespace bench {
namespace {

class Hessian : public Criterion {
 public:
  static Schema schema() {
    return Grouping::schema() +
           Schema{key("accumulate", "mean",
                      "squared gradients: mean over samples; last: of the last one")
                      .one_of({"mean", "last"})};
  }
  explicit Hessian(const Config& c) : how_(c), last_(c.get<std::string>("accumulate") == "last") {}
  /// Not of the residual stream of a language model, whose embeddings have no sample's gradient.
  Ranks accepts() const override {
    return {{.units = {"channel", "head", "head_dim", "neuron", "attention", "mlp", "block"}}};
  }
  Needs needs() const override { return {need<GradientMoments>()}; }
  Tensor score(const View& view, const Stats& stats) const override {
    const auto& s = stats.get<GradientMoments>(view.layer);
    const auto fisher = last_ ? s.last_square : s.square_sum / static_cast<double>(s.count);
    return view.weight.square() * fisher.slice(1, view.begin, view.end);
  }
  Tensor units(const Group& group, const Stats& stats) const override {
    std::vector<Tensor> all;
    for (const auto& s : group.rooted()) {
      all.push_back(
          how_.channels(group, s, score(View(*s.layer), stats).sum(1 - s.dim, false, at::kDouble)));
      if (all.size() == 1) add_norms(all, group, stats.get<GradientMoments>(*s.layer));
    }
    return how_.reduce(group, all);
  }

 private:
  void add_norms(std::vector<Tensor>& all, const Group& group, const GradientMoments& some) const {
    const auto& from = last_ ? *some.vector_last_square : *some.vector_square_sum;
    for (const auto& f : group.followers) {
      if (f.name.empty()) continue;
      if (f.embedding) continue;  // its gradient is no vector's
      const auto it = from.find(f.name);
      if (it == from.end()) fail("{}: no gradient reached {}", group.name, f.name);
      const auto fisher = last_ ? it->second : it->second / static_cast<double>(some.count);
      all.push_back((f.values->square() * fisher).to(at::kDouble));
    }
  }

  Grouping how_;
  bool last_;
};

BENCH_REGISTER(Criterion, Hessian, "hessian", .doc = "w^2 g^2, the diagonal empirical Fisher (OBD)",
               .source = "LeCun et al. 1989; Fang et al. 2023, arXiv 2301.12900", .year = 1989,
               .data = About::Data::Labelled);

}  // namespace
}  // namespace bench
