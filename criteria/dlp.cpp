// DLP (Chen et al. 2025, arXiv 2505.23807; ironartisan/DLP@31d480f lib/prune.py:80-96): blocks whose
// share of the model's mean Wanda scores is smaller keep more. Statistics of the model as a step
// finds it, whatever criterion ranks.
#include <algorithm>
#include <map>

#include "core/allocator.h"
#include "measure/statistics.h"

namespace bench {
namespace {

class Dlp : public Allocator {
 public:
  static Schema schema() {
    return {key("spread", 0.15, "alpha: shares kept differ by at most twice this").range(0, 1)};
  }
  explicit Dlp(const Config& c) : spread_(c.get<double>("spread")) {}

  Accepts accepts() const override { return {.nm = false, .units = {}}; }
  Needs needs() const override { return {need<InputMoments>()}; }

  std::vector<Share> shares(const Split& split) const override {
    std::map<int64_t, std::pair<double, double>> scores;  // sum and weights of a block
    for (const auto& p : split.parts) {
      const auto norm = split.stats.get<InputMoments>(*p.layer).scaler_row().sqrt();
      const auto score = p.layer->matrix().to(at::kFloat).abs() * norm.to(at::kFloat);
      auto& [sum, n] = scores[p.block];
      sum += score.sum(at::kDouble).item<double>();
      n += static_cast<double>(score.numel());
    }
    double all = 0;
    for (const auto& [block, s] : scores) all += s.first / s.second;
    std::map<int64_t, double> kept;
    for (const auto& [block, s] : scores) kept[block] = all > 0 ? 1 - s.first / s.second / all : 1;
    const auto [low, high] = std::minmax_element(
        kept.begin(), kept.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
    const double least = low->second, range = high->second - least;
    double mean = 0;
    for (auto& [block, k] : kept) {
      k = range > 0 ? (k - least) / range * spread_ * 2 : 0;
      mean += k / static_cast<double>(kept.size());
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
  double spread_;
};

BENCH_REGISTER(Allocator, Dlp, "dlp",
               .doc = "blocks with smaller mean Wanda scores keep more",
               .source = "Chen et al. 2025, arXiv 2505.23807", .year = 2025,
               .data = About::Data::Unlabelled);

}  // namespace
}  // namespace bench
