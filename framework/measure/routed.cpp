#include "measure/routed.h"

#include <list>

namespace bench {
namespace {

void add(RoutedTokens& s, int64_t experts, const Tensor& x, const Routing& r) {
  if (!s.count.defined()) {
    s.count = at::zeros({experts}, at::kDouble);
    s.probability = s.count.clone(), s.norm = s.count.clone(), s.weighted = s.count.clone();
    s.largest = s.count.clone();
    s.output = at::zeros({experts, x.size(1)}, at::kDouble);
  }
  auto p = r.logits.to(at::kFloat).softmax(1);
  if (s.renormalized)
    p = (p / p.gather(1, r.experts.clamp_min(0)).sum(1, true))
            .clamp_min(std::numeric_limits<float>::epsilon());
  for (const auto& answer : r.answers) {
    const auto e = answer.expert;
    const auto mine = p.select(1, e).index_select(0, answer.rows).to(at::kDouble);
    const auto y = answer.outputs.to(at::kFloat);
    const auto norms = at::linalg_vector_norm(y, 2, 1).to(at::kDouble);
    s.count[e] += answer.rows.numel();
    s.probability[e] += mine.sum().cpu();
    s.norm[e] += norms.sum().cpu();
    s.weighted[e] += (mine * norms).sum().cpu();
    s.output[e] += y.to(at::kDouble).sum(0).cpu();
    s.largest[e] = std::max(s.largest[e].item<double>(), y.max().item<double>());
  }
}

void find_super(const std::vector<RoutedTokens*>& all) {
  std::vector<Tensor> largest;
  for (const auto* s : all) largest.push_back(s->largest.to(at::kFloat));
  const auto flat = at::cat(largest);
  const auto bound =
      std::max(at::quantile(flat, 99.5 / 100.0).item<float>(), flat.max().item<float>() / 10);
  const auto blocks = static_cast<size_t>(static_cast<double>(all.size()) * 0.75);
  for (size_t i = 0; i < all.size(); ++i) {
    all[i]->super = largest[i] > bound;
    if (i >= blocks) all[i]->super.fill_(false);
  }
}

void measure(const Probe& p, Heard<RoutedTokens> heard) {
  at::NoGradGuard no_grad;
  const std::map<Layer*, RoutedTokens*> by_layer(heard.begin(), heard.end());
  std::vector<RoutedTokens*> all;
  std::list<Watched> watched;
  for (const auto& c : contested(p)) {
    auto* s = by_layer.at(c.root);
    all.push_back(s);
    const auto experts = c.mixture->experts();
    watched.emplace_back(
        *c.mixture, [s, experts](const Tensor& x, const Routing& r) { add(*s, experts, x, r); });
  }
  for (const auto& one : split(p.data.batches)) p.model.body(one);
  for (const auto* s : all)
    if (!s->count.defined()) fail("criteria of experts need calibration data");
  find_super(all);
}

const Pass kRouted = pass_of<RoutedTokens>(Pass::Global, measure);

}  // namespace

const Pass& RoutedTokens::pass() {
  return kRouted;
}

Statistic::Values RoutedTokens::values() const {
  if (!count.defined()) return {};
  return {{"count", count}, {"probability", probability}, {"norm", norm}, {"weighted", weighted}};
}

std::vector<Contested> contested(const Probe& p) {
  auto* routed = dynamic_cast<Routed*>(&p.model);
  std::vector<Contested> all;
  for (const Group* g : p.groups) {
    auto* mixture = routed ? routed->mixture(g->block) : nullptr;
    if (g->kind == "expert" && mixture) all.push_back({g, g->slices.front().layer, mixture});
  }
  if (all.empty()) fail("this model has no experts to choose from; the pattern is experts");
  return all;
}

Ranks RoutedCriterion::of_experts() {
  Ranks r{{.weights = false, .nm = false, .units = {"expert"}, .input = Input::Text}};
  r.use = "pattern=experts";
  return r;
}

Tensor RoutedCriterion::units(const Group& group, const Stats& stats) const {
  const auto& seen = stats.get<RoutedTokens>(*group.slices.front().layer, needs().front());
  const auto score = of(seen);
  if (!spare_) return score;
  return score.masked_fill(seen.super, std::numeric_limits<double>::infinity());
}

}  // namespace bench
