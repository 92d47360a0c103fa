// MoNE's ranking (Zhang et al. 2025, arXiv 2507.00390; zxgx/mode-pd@ee6e187
// modepd/pruning/expert_prune.py:457-501, 593-623): how much an expert's outputs, inputs or inner
// neurons vary over its tokens. Variance is a running estimate per sequence: the new mean first,
// then v (n - 1) / (n + b - 1) + sum (x - mean)^2 / (n + b), the first sequence adding nothing.
// The criterion takes an expert out with its router row; the stage leaves the router as it is and
// puts the mean of the expert's outputs in its place.
#include <list>

#include "core/borrowed.h"
#include "core/stage.h"
#include "measure/passes.h"
#include "measure/routed.h"

namespace bench {
namespace {

/// A running mean and variance as theirs, float64.
struct Running {
  Tensor mean, variance;
  double n = 0;
  void add(const Tensor& x) {  // [b, width]
    const auto rows = x.to(at::kDouble).cpu();
    const auto b = static_cast<double>(rows.size(0));
    if (n == 0) {
      mean = rows.mean(0);
      variance = at::zeros_like(mean);
    } else {
      mean = (mean * n + rows.sum(0)) / (n + b);
      variance = variance * ((n - 1) / (n + b - 1)) + (rows - mean).square().sum(0) / (n + b);
    }
    n += b;
  }
};

struct Fluctuation : Statistic {
  static constexpr const char* kName = "expert_fluctuation";
  static const Pass& pass();
  explicit Fluctuation(const Layer&) {}
  struct Of {
    Running outputs, inputs, inner;
    double score = 0, tokens = 0;  // of the router, of this expert
    double all_tokens = 0;         // of the block
    Tensor down;                   // float64 [inner]: sum over outputs of the squared weight
  };
  std::vector<Of> of;  // of each expert; empty but at the root of a group
};

/// The last matrix of each expert: its columns are the inner neurons.
std::map<int64_t, Layer*> last_layers(const Group& group) {
  std::map<int64_t, Layer*> all;
  for (const auto& s : group.slices) all[s.unit] = s.layer;
  return all;
}

void measure(const Probe& p, Heard<Fluctuation> heard) {
  at::NoGradGuard no_grad;
  const std::map<Layer*, Fluctuation*> by_layer(heard.begin(), heard.end());
  std::list<Watched> watched;
  Borrowed borrowed;
  for (const auto& c : contested(p)) {
    auto* s = by_layer.at(c.root);
    s->of.resize(static_cast<size_t>(c.mixture->experts()));
    for (const auto& [e, layer] : last_layers(*c.group)) {
      auto& of = s->of[static_cast<size_t>(e)];
      of.down = layer->matrix().to(at::kDouble).square().sum(0).cpu();
      borrowed.tap(*layer, [&of](const Tensor& x, const Tensor&) {
        if (x.size(0) > 0) of.inner.add(x);
      });
    }
    watched.emplace_back(*c.mixture, [s](const Tensor& x, const Routing& r) {
      const auto of_all = r.logits.to(at::kFloat).softmax(1).to(at::kDouble);
      for (auto& of : s->of) of.all_tokens += static_cast<double>(x.size(0));
      for (const auto& a : r.answers) {
        auto& of = s->of[static_cast<size_t>(a.expert)];
        of.outputs.add(a.outputs);
        of.inputs.add(x.index_select(0, a.rows));
        of.score += of_all.select(1, a.expert).index_select(0, a.rows).sum().item<double>();
        of.tokens += static_cast<double>(a.rows.numel());
      }
    });
  }
  for (const auto& one : split(p.data.batches)) p.model.body(one);
}

const Pass kFluctuations = pass_of<Fluctuation>(Pass::Global, measure);
const Pass& Fluctuation::pass() {
  return kFluctuations;
}

class Mone : public Criterion {
 public:
  static Schema schema() {
    return {key("metric", "fusion",
                "what varies: fusion is the outputs' deviation times the "
                "router's probability, 0 where it chose others, over all tokens")
                .one_of({"fusion", "output_fluctuation", "token_fluctuation",
                         "intermediate_fluctuation"})};
  }
  explicit Mone(const Config& c) : metric_(c.get<std::string>("metric")) {}
  Ranks accepts() const override { return RoutedCriterion::of_experts(); }
  Needs needs() const override { return {need<Fluctuation>()}; }
  Tensor units(const Group& group, const Stats& stats) const override {
    const auto& all = stats.get<Fluctuation>(*group.slices.front().layer).of;
    auto score = at::zeros({group.units}, at::kDouble);
    for (size_t e = 0; e < all.size(); ++e)
      if (all[e].tokens > 0) score[static_cast<int64_t>(e)] = of(all[e]);
    return score;
  }

 private:
  double of(const Fluctuation::Of& e) const {
    const auto norm = [](const Tensor& t) { return at::linalg_vector_norm(t, 2).item<double>(); };
    if (metric_ == "output_fluctuation") return norm(e.outputs.variance);
    if (metric_ == "token_fluctuation") return norm(e.inputs.variance);
    if (metric_ == "intermediate_fluctuation") return norm(e.inner.variance * e.down);
    return norm(e.outputs.variance.sqrt()) * e.score / e.all_tokens;
  }
  std::string metric_;
};

/// Experts become constants: what goes is their weights, not their place behind the router.
class MoneConstants : public Stage {
 public:
  static Schema schema() {
    return Mone::schema() +
           Schema{key("share", 0.5, "of the experts that become constants, int(share E) of E")
                      .range(0, 1),
                  key("scope", "model",
                      "experts are ranked over the model, blocks losing different numbers of them, "
                      "or within a block")
                      .one_of({"model", "block"}),
                  key("constant", "mean", "of the outputs on its tokens, or zero")
                      .one_of({"mean", "zero"}),
                  key("bfloat16", false, "constants are rounded to it, as the authors' are")};
  }
  explicit MoneConstants(const Config& c)
      : ranking_(c),
        share_(c.get<double>("share")),
        model_(c.get<std::string>("scope") == "model"),
        zero_(c.get<std::string>("constant") == "zero"),
        rounded_(c.get<bool>("bfloat16")) {}
  Accepts accepts() const override { return {.input = Input::Text}; }
  bool calibrates() const override { return true; }

  void apply(StageContext& c) const override {
    at::NoGradGuard no_grad;
    const auto groups = c.model.groups("expert");
    if (groups.empty()) fail("stage mone_constants: no block of this model has experts");
    const auto data = c.calibration();
    if (data.batches.empty()) fail("stage mone_constants: needs calibration data");
    Probe probe{c.model, {0, c.model.block_count()}, data, c.model.layers()};
    for (const auto& g : groups) probe.groups.push_back(&g);
    const auto stats = collect(probe, ranking_.needs(), Pass::Global);
    std::vector<Tensor> scores;
    for (const auto& g : groups) scores.push_back(ranking_.units(g, *stats));
    const auto gone = chosen(scores);
    int64_t number = 0;
    for (size_t i = 0; i < groups.size(); ++i) {
      if (gone[i].any().item<bool>()) replace(c, groups[i], *stats, gone[i]);
      number += gone[i].sum().item<int64_t>();
    }
    if (c.record) c.record("mone_constants.experts", static_cast<double>(number), "experts");
  }

 private:
  /// bool of each group's experts: those that become constants, of equals the first.
  std::vector<Tensor> chosen(const std::vector<Tensor>& scores) const {
    const auto lowest = [&](const Tensor& s) {
      const auto count =
          static_cast<int64_t>(static_cast<double>(s.numel()) * share_ * (1 + 1e-12));
      const auto order = std::get<1>(at::sort(s, /*stable=*/true, 0, false));
      return at::zeros({s.numel()}, at::kBool).index_fill(0, order.slice(0, 0, count), true);
    };
    std::vector<Tensor> all;
    if (!model_) {
      for (const auto& s : scores) all.push_back(lowest(s));
      return all;
    }
    const auto together = lowest(at::cat(scores));
    int64_t at = 0;
    for (const auto& s : scores) {
      all.push_back(together.narrow(0, at, s.numel()));
      at += s.numel();
    }
    return all;
  }

  void replace(StageContext& c, const Group& group, const Stats& stats, const Tensor& gone) const {
    auto& mixture = *dynamic_cast<Routed&>(c.model).mixture(group.block);
    if (mixture.constant_of.defined())
      fail("stage mone_constants: block {} has constants already", group.block);
    const auto& of = stats.get<Fluctuation>(*group.slices.front().layer).of;
    auto where = at::full({group.units}, int64_t{-1}, at::kLong);
    std::vector<Tensor> rows;
    const auto last = last_layers(group);
    for (int64_t e = 0; e < group.units; ++e) {
      if (!gone[e].item<bool>()) continue;
      const auto hidden = last.at(e)->rows();
      const auto& mean = of[static_cast<size_t>(e)].outputs.mean;
      auto row = zero_ || !mean.defined() ? at::zeros({hidden}, at::kDouble) : mean;
      where[e] = static_cast<int64_t>(rows.size());
      rows.push_back(rounded_ ? row.to(at::kFloat).to(at::kBFloat16).to(at::kDouble) : row);
    }
    const auto& like = last.begin()->second->weight;
    mixture.constant_of = where.to(like.device());
    mixture.constants = at::stack(rows).to(like.options());
    for (const auto& s : group.slices)
      if (gone[s.unit].item<bool>())
        s.layer->set_mask(at::zeros(s.layer->flat().sizes(), like.options().dtype(at::kBool)));
  }

  Mone ranking_;
  double share_;
  bool model_, zero_, rounded_;
};

BENCH_REGISTER(Stage, MoneConstants, "mone_constants",
               .doc = "experts that vary least give way to the mean of their outputs",
               .source = "Zhang et al. 2025, arXiv 2507.00390", .year = 2025,
               .data = About::Data::Unlabelled);
BENCH_REGISTER(Criterion, Mone, "mone", .doc = "how much an expert varies over its tokens",
               .source = "Zhang et al. 2025, arXiv 2507.00390", .year = 2025,
               .data = About::Data::Unlabelled);

}  // namespace
}  // namespace bench
