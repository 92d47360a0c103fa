// Dynamic skipping of "Not all experts are equal" (Lu et al. 2024, arXiv 2402.14800;
// Lucky-Lance/Expert_Sparsity@16067c0 method/dynamic_skipping.py:176): a token's second expert is
// not asked where its probability is below beta times the first's. beta is the median or the mean
// of that ratio over the calibration data, block by block.
#include <list>

#include "core/stage.h"
#include "measure/routed.h"

namespace bench {
namespace {

/// Over all tokens: the second chosen weight by the first.
std::vector<std::pair<Mixture*, Tensor>> ratios_of(Model& model, const Calibration& data) {
  auto* routed = dynamic_cast<Routed*>(&model);
  std::vector<std::pair<Mixture*, std::vector<Tensor>>> seen;
  for (int64_t b = 0; routed && b < model.block_count(); ++b)
    if (auto* m = routed->mixture(b); m && m->experts() > 1 && m->chosen() > 1)
      seen.push_back({m, {}});
  if (seen.empty()) fail("naee_skipping: no block of this model asks several experts for a token");
  std::list<Watched> watched;
  for (auto& s : seen) {
    auto* all = &s.second;
    watched.emplace_back(*s.first, [all](const Tensor&, const Routing& r) {
      const auto best = std::get<0>(r.weights.to(at::kFloat).topk(2, 1));
      all->push_back((best.select(1, 1) / best.select(1, 0)).cpu());
    });
  }
  for (const auto& one : split(data.batches)) model.body(one);
  std::vector<std::pair<Mixture*, Tensor>> out;
  for (const auto& [m, all] : seen) {
    if (all.empty()) fail("naee_skipping: needs calibration data");
    out.emplace_back(m, at::cat(all));
  }
  return out;
}

/// Of an even number the mean of the two in the middle, as numpy has it.
Tensor middle(const Tensor& ratios) {
  const auto sorted = std::get<0>(ratios.to(at::kDouble).sort());
  const auto n = sorted.size(0);
  return (sorted[(n - 1) / 2] + sorted[n / 2]) / 2;
}

class NaeeSkipping : public Stage {
 public:
  static Schema schema() {
    return {key("of", "median", "what of the ratios beta is").one_of({"median", "mean"})};
  }
  explicit NaeeSkipping(const Config& c) : median_(c.get<std::string>("of") == "median") {}
  Accepts accepts() const override { return {.input = Input::Text}; }
  bool calibrates() const override { return true; }

  void apply(StageContext& c) const override {
    at::NoGradGuard no_grad;
    const auto data = c.calibration();
    int64_t number = 0;
    for (const auto& [mixture, ratios] : ratios_of(c.model, data)) {
      const auto beta = median_ ? middle(ratios) : ratios.to(at::kDouble).mean();
      mixture->skip = beta.to(at::kDouble).reshape({1}).to(c.device);
      if (!c.record) continue;
      c.record(fmt::format("naee_skipping.beta.{}", number), beta.item<double>(), "share");
      c.record(fmt::format("naee_skipping.skipped.{}", number),
               (ratios < beta).to(at::kDouble).mean().item<double>(), "share");
      ++number;
    }
  }

 private:
  bool median_;
};

BENCH_REGISTER(Stage, NaeeSkipping, "naee_skipping",
               .doc = "a token's other experts are skipped where the first outweighs them",
               .source = "Lu et al. 2024, arXiv 2402.14800", .year = 2024,
               .when = About::When::Dynamic, .data = About::Data::Unlabelled,
               .how = About::How::Fixed);

}  // namespace
}  // namespace bench
