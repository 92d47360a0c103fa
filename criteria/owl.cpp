// OWL (Yin et al. 2024, arXiv 2310.05175; luuyin/OWL@dddb7a4 lib/prune_all.py:139-154, 926-975):
// blocks with more outliers keep more. D_b: percent of a block's Wanda scores above M times their
// mean; what is kept kappa_b = kappa + 2 lambda (D_b - min) / (max - min), moved so that the plain
// mean over blocks is kappa. Statistics of the model as a step finds it, whatever criterion ranks.
#include <algorithm>
#include <map>
#include <numeric>

#include "core/allocator.h"
#include "measure/statistics.h"

namespace bench {
namespace {

class Owl : public Allocator {
 public:
  static Schema schema() {
    return {key("outlier", 5.0, "M: a score above M times the mean of its block is an outlier")
                .range(0.1, 1000),
            key("spread", 0.08, "lambda: shares kept differ from the mean by at most this")
                .range(0, 1)};
  }
  explicit Owl(const Config& c)
      : outlier_(c.get<double>("outlier")), spread_(c.get<double>("spread")) {}

  Accepts accepts() const override { return {.nm = false, .units = {}}; }
  Needs needs() const override { return {need<InputMoments>()}; }

  std::vector<Share> shares(const Split& split) const override {
    std::map<int64_t, std::vector<const Part*>> blocks;
    for (const auto& p : split.parts) blocks[p.block].push_back(&p);
    std::map<int64_t, double> kept;
    for (const auto& [block, parts] : blocks) kept[block] = outliers(parts, split.stats);
    const auto [low, high] = std::minmax_element(
        kept.begin(), kept.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
    const double least = low->second, range = high->second - least;
    double mean = 0;
    for (auto& [block, d] : kept) {
      d = range > 0 ? (d - least) * (1 / range * spread_ * 2) : 0;
      mean += d / static_cast<double>(kept.size());
    }
    std::vector<Share> out;
    for (const auto& p : split.parts) {
      const double gone = 1 - (kept.at(p.block) - mean + (1 - split.target));
      // The authors leave one percent where a block would stay whole.
      out.push_back({gone <= 0 && split.target > 0 ? 0.01 : std::clamp(gone, 0.0, 1.0)});
    }
    return out;
  }

 private:
  /// Percent of the scores of a block's layers that are above M times the mean of all of them.
  double outliers(const std::vector<const Part*>& parts, const Stats& stats) const {
    std::vector<Tensor> all;
    for (const Part* p : parts) {
      const auto norm = stats.get<InputMoments>(*p->layer).scaler_row().sqrt().to(at::kFloat);
      all.push_back((p->layer->matrix().to(at::kFloat).abs() * norm).flatten());
    }
    const auto scores = at::cat(all);
    const auto above = (scores > scores.mean() * outlier_).sum().item<int64_t>();
    return static_cast<double>(above) / static_cast<double>(scores.numel()) * 100;
  }

  double outlier_, spread_;
};

BENCH_REGISTER(Allocator, Owl, "owl",
               .doc = "blocks with more outliers among Wanda's scores keep more",
               .source = "Yin et al. 2024, arXiv 2310.05175", .year = 2024,
               .data = About::Data::Unlabelled);

}  // namespace
}  // namespace bench
