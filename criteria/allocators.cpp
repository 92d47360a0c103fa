// Uniform, global and ERK (Mocanu et al. 2018, Evci et al. 2020): how one target is split over
// layers.
#include <algorithm>
#include <numeric>

#include "core/allocator.h"

namespace bench {
namespace {

class Uniform : public Allocator {
 public:
  void check(const Pattern& p) const override {
    if (p.kind == Pattern::Structured && p.depth())
      fail(
          "allocator uniform: removes the same share of every group, but a block goes whole or not "
          "at all; use allocator=global");
  }
  std::vector<Share> shares(const std::vector<Part>& parts, double target) override {
    return std::vector<Share>(parts.size(), Share{target, -1});
  }
};

/// One threshold on the pooled scores, as exact counts: the lowest go, ties by part and index,
/// until the target is reached; a part of units keeps at least one.
class Global : public Allocator {
 public:
  static Schema schema() {
    return {key("normalise", "none",
                "scores of a part before they are pooled: divided by their mean size or their "
                "norm, or standardised (mean 0, deviation 1)")
                .one_of({"none", "mean", "l2", "standardise"}),
            key("budget", "weights",
                "groups: the target is a share of their weights, or every unit counts as one")
                .one_of({"weights", "units"})};
  }
  explicit Global(const Config& c)
      : normalise_(c.get<std::string>("normalise")),
        units_(c.get<std::string>("budget") == "units") {}

  void check(const Pattern& p) const override {
    if (p.kind == Pattern::NM)
      fail("allocator global: n:m removes the same share everywhere; use uniform");
    if (p.reference_ties) fail("allocator global: gives exact counts; tie=reference needs uniform");
    if (p.contest == Contest::Row)
      fail(
          "allocator global: pools all weights; pattern per=row compares inside rows; use uniform");
  }
  bool wants_scores() const override { return true; }
  void observe(const Part& part, const Tensor& score) override {
    const auto s = score.detach().to(at::kCPU, at::kFloat).flatten().contiguous();
    seen_.push_back({part.name, normalised(s)});
  }

  std::vector<Share> shares(const std::vector<Part>& parts, double target) override {
    std::vector<int64_t> begin(parts.size() + 1, 0);
    std::vector<Tensor> all;
    for (size_t i = 0; i < parts.size(); ++i) {
      begin[i + 1] = begin[i] + parts[i].size;
      all.push_back(seen_[i].second);
    }
    const auto pooled = at::cat(all);
    const bool units =
        std::any_of(parts.begin(), parts.end(), [](const Part& p) { return p.weight > 1; });
    auto counts = units_  ? by_units(parts, begin, pooled, target)
                  : units ? by_weight(parts, begin, pooled, target)
                          : by_number(begin, pooled, target);
    seen_.clear();
    std::vector<Share> out;
    for (size_t i = 0; i < parts.size(); ++i)
      out.push_back(
          {static_cast<double>(counts[i]) / static_cast<double>(parts[i].size), counts[i]});
    return out;
  }

 private:
  /// What is gone already (-inf) stays below everything and counts for nothing.
  Tensor normalised(const Tensor& score) const {
    if (normalise_ == "none") return score;
    const auto here = at::isfinite(score);
    const auto s = score.masked_select(here).to(at::kDouble);
    if (s.numel() == 0) return score;
    const bool standard = normalise_ == "standardise";
    const auto middle = standard ? s.mean() : at::zeros({}, at::kDouble);
    const auto scale = standard               ? (s - middle).square().mean().sqrt()
                       : normalise_ == "mean" ? s.abs().mean()
                                              : s.square().sum().sqrt();
    const auto by = scale.item<double>() > 0 ? scale : at::ones({}, at::kDouble);
    return at::where(here, ((score - middle) / by).to(at::kFloat), score);
  }

  static std::vector<int64_t> by_number(const std::vector<int64_t>& begin, const Tensor& pooled,
                                        double target) {
    const auto keep = select(pooled.reshape({1, -1}), Contest::Layer, target).flatten();
    std::vector<int64_t> counts;
    for (size_t i = 0; i + 1 < begin.size(); ++i)
      counts.push_back((~keep.slice(0, begin[i], begin[i + 1])).sum().item<int64_t>());
    return counts;
  }

  /// total - int(total (1 - target)) of the lowest units, as LLM-Pruner counts (mini_llm.md 4).
  static std::vector<int64_t> by_units(const std::vector<Part>& parts,
                                       const std::vector<int64_t>& begin, const Tensor& pooled,
                                       double target) {
    const auto keep = select_units(pooled, removed_units(pooled.numel(), 1, target));
    std::vector<int64_t> counts;
    for (size_t i = 0; i < parts.size(); ++i)
      counts.push_back(std::min((~keep.slice(0, begin[i], begin[i + 1])).sum().item<int64_t>(),
                                parts[i].size - parts[i].at_least));
    return counts;
  }

  static std::vector<int64_t> by_weight(const std::vector<Part>& parts,
                                        const std::vector<int64_t>& begin, const Tensor& pooled,
                                        double target) {
    const auto order = std::get<1>(at::sort(pooled, true, 0, false));
    const int64_t* at = order.const_data_ptr<int64_t>();
    double total = 0, gone = 0;
    for (const auto& p : parts) total += p.weight * static_cast<double>(p.size);
    const double goal = target * total * (1 + 1e-12);  // 0.3 of 10 equal blocks are 3
    std::vector<int64_t> counts(parts.size(), 0);
    for (int64_t i = 0; i < order.numel(); ++i) {
      const auto p = static_cast<size_t>(std::upper_bound(begin.begin(), begin.end(), at[i]) -
                                         begin.begin() - 1);
      if (gone + parts[p].weight > goal) break;
      if (counts[p] >= parts[p].size - parts[p].at_least) continue;
      ++counts[p];
      gone += parts[p].weight;
    }
    return counts;
  }

  std::string normalise_;
  bool units_;
  std::vector<std::pair<std::string, Tensor>> seen_;
};

/// Density of a layer ~ sum of its dimensions over their product, layers that would exceed 1 dense
/// (rigl/sparse_utils.py:90-170).
class Erk : public Allocator {
 public:
  void check(const Pattern& p) const override {
    if (p.kind != Pattern::Unstructured)
      fail("allocator erk: splits a share of weights over layers; it needs pattern=unstructured");
  }
  std::vector<Share> shares(const std::vector<Part>& parts, double target) override {
    std::vector<bool> dense(parts.size(), false);
    double epsilon = 0;
    for (bool again = true; again;) {
      again = false;
      double keep = 0, raw = 0;
      for (size_t i = 0; i < parts.size(); ++i) {
        const auto n = static_cast<double>(parts[i].size);
        if (dense[i])
          keep -= n * target;
        else
          keep += n * (1 - target), raw += dims(parts[i]);
      }
      if (raw == 0) break;
      epsilon = std::max(0.0, keep / raw);
      double worst = 1;
      for (size_t i = 0; i < parts.size(); ++i)
        if (!dense[i])
          worst = std::max(worst, epsilon * dims(parts[i]) / static_cast<double>(parts[i].size));
      if (worst <= 1) break;
      for (size_t i = 0; i < parts.size(); ++i)
        if (!dense[i] && epsilon * dims(parts[i]) / static_cast<double>(parts[i].size) == worst)
          dense[i] = again = true;
    }
    std::vector<Share> out;
    for (size_t i = 0; i < parts.size(); ++i)
      out.push_back(
          {dense[i] ? 0 : 1 - epsilon * dims(parts[i]) / static_cast<double>(parts[i].size), -1});
    return out;
  }

 private:
  static double dims(const Part& p) {
    return static_cast<double>(std::accumulate(p.shape.begin(), p.shape.end(), int64_t{0}));
  }
};

BENCH_REGISTER(Allocator, Uniform, "uniform", "the same share everywhere");
BENCH_REGISTER(Allocator, Global, "global", "one threshold on the pooled scores");
BENCH_REGISTER(Allocator, Erk, "erk", "Erdos-Renyi-Kernel densities");

}  // namespace
}  // namespace bench
