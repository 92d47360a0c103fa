// AlphaPruning (Lu et al. 2024, arXiv 2410.10912; haiquanlu/AlphaPruning@5f0e984
// lib/esd_utils.py:69-140, lib/prune.py:152-187): the heavier the tail of a layer's spectrum (the
// smaller the exponent alpha of a power law fitted to it), the more it keeps. Data-free.
#include <algorithm>
#include <cmath>
#include <map>

#include "core/allocator.h"
#include "tensor/rows.h"

namespace bench {
namespace {

/// Squared singular values, float32, ascending. A convolution is kh*kw matrices [out, in], halved.
Tensor spectrum(const Layer& layer) {
  auto m = layer.weight.to(at::kCPU, at::kFloat);
  if (layer.is_conv()) m = (m.flatten(2) * std::sqrt(0.5)).permute({2, 0, 1});
  return std::get<0>(at::sort(at::linalg_svdvals(m).flatten().square()));
}

/// Of the power law above the i-th value, and its distance to what is there (Kolmogorov-Smirnov).
struct Fit {
  double alpha, distance;
};
Fit fit_above(const Tensor& values, const Tensor& logs, int64_t i) {
  const auto n = static_cast<double>(values.numel() - i);
  const auto tail = logs.slice(0, i);
  const float alpha = 1 + static_cast<float>(n) / (tail.sum() - n * logs[i]).item<float>();
  if (!(alpha > 1)) return {alpha, 1};
  const auto law = 1 - (values.slice(0, i) / values[i]).pow(1 - alpha);
  const auto seen = at::arange(static_cast<int64_t>(n), at::kFloat) / n;
  return {alpha, (law - seen).abs().max().item<double>()};
}

/// The threshold at the peak of the histogram of log10. Its lower bound compares a value with a
/// logarithm, as the authors' code does: where the peak is below 1 it bounds nothing.
double alpha_at_peak(const Tensor& values, int64_t bins) {
  const auto n = values.numel();
  if (n < 2) return 0;
  const auto logs = values.log(), tens = values.log10();
  const float low = tens.min().item<float>(), high = tens.max().item<float>();
  const auto peak = at::histc(tens, bins, low, high).argmax().item<int64_t>();
  const auto at_peak = at::pow(10, at::linspace(low, high, bins + 1, at::kFloat)[peak]);
  const auto least = (at_peak * 0.95).log10().item<float>();
  const auto most = (at_peak * 1.5).item<float>();
  Fit best{0, 1};
  bool any = false;
  const auto* v = values.const_data_ptr<float>();
  for (int64_t i = 0; i + 1 < n; ++i) {
    if (v[i] < least) {
      if (!any && i == 0) any = true;  // an entry that is passed over has distance 1, alpha 0
      continue;
    }
    if (v[i] > most) break;
    const auto fit = fit_above(values, logs, i);
    if (!any || fit.distance < best.distance) best = fit, any = true;
  }
  return best.alpha;
}

double alpha_of_half(const Tensor& values) {
  const auto i = values.numel() / 2;
  const auto logs = values.log();
  const auto n = static_cast<double>(values.numel() - i);
  return 1 + n / (logs.slice(0, i).sum() - n * logs[i]).item<float>();
}

class AlphaPruning : public Allocator {
 public:
  static Schema schema() {
    return {key("from", "peak",
                "where the tail begins: at the peak of the spectrum, the fit that is nearest; mid: "
                "the upper half")
                .one_of({"peak", "mid"}),
            key("per", "block", "blocks share the mean of their layers, or every layer its own")
                .one_of({"block", "layer"}),
            key("spread", 0.3, "epsilon: shares are between 1 - epsilon and 1 + epsilon, rescaled")
                .range(0, 1),
            key("bins", 100, "of the histogram that finds the peak").range(2, 100000)};
  }
  explicit AlphaPruning(const Config& c)
      : peak_(c.get<std::string>("from") == "peak"),
        blocks_(c.get<std::string>("per") == "block"),
        spread_(c.get<double>("spread")),
        bins_(c.get<int64_t>("bins")) {}

  Accepts accepts() const override { return {.nm = false, .units = {}}; }

  std::vector<Share> shares(const Split& split) const override {
    SingleThread alone;
    std::vector<double> alpha;
    for (const auto& p : split.parts) {
      const auto values = spectrum(*p.layer);
      alpha.push_back(peak_ ? alpha_at_peak(values, bins_) : alpha_of_half(values));
    }
    if (blocks_) alpha = over_blocks(split.parts, alpha);
    const auto [low, high] = std::minmax_element(alpha.begin(), alpha.end());
    const double least = *low, range = *high - least;
    double all = 0, asked = 0;
    for (size_t i = 0; i < alpha.size(); ++i) {
      alpha[i] = range > 0 ? (alpha[i] - least) / range * (2 * spread_) + (1 - spread_) : 1;
      all += static_cast<double>(split.parts[i].size);
      asked += static_cast<double>(split.parts[i].size) * alpha[i];
    }
    std::vector<Share> out;
    for (const auto a : alpha)
      out.push_back({std::clamp(a * (all * split.target / asked), 0.0, 1.0)});
    return out;
  }

 private:
  static std::vector<double> over_blocks(const std::vector<Part>& parts,
                                         const std::vector<double>& alpha) {
    std::map<int64_t, std::pair<double, double>> sums;
    for (size_t i = 0; i < alpha.size(); ++i) {
      auto& [sum, n] = sums[parts[i].block];
      sum += alpha[i];
      ++n;
    }
    std::vector<double> out;
    for (const auto& p : parts) out.push_back(sums.at(p.block).first / sums.at(p.block).second);
    return out;
  }

  bool peak_, blocks_;
  double spread_;
  int64_t bins_;
};

BENCH_REGISTER(Allocator, AlphaPruning, "alphapruning",
               .doc = "layers whose spectrum has a heavier tail keep more",
               .source = "Lu et al. 2024, arXiv 2410.10912", .year = 2024);

}  // namespace
}  // namespace bench
