// Uniform, global and ERK (Mocanu et al. 2018, Evci et al. 2020): how one target is split over
// layers.
#include <algorithm>
#include <numeric>

#include "core/allocator.h"

namespace bench {
namespace {

class Uniform : public Allocator {
 public:
  std::vector<Share> shares(const std::vector<Part>& parts, double target) override {
    return std::vector<Share>(parts.size(), Share{target, -1});
  }
};

/// One threshold on the pooled scores, as exact counts: the lowest go, ties by part and index,
/// until the target is reached; a part of units keeps at least one.
class Global : public Allocator {
 public:
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
    seen_.push_back({part.name, score.detach().to(at::kCPU, at::kFloat).flatten().contiguous()});
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
    auto counts =
        units ? by_weight(parts, begin, pooled, target) : by_number(begin, pooled, target);
    seen_.clear();
    std::vector<Share> out;
    for (size_t i = 0; i < parts.size(); ++i)
      out.push_back(
          {static_cast<double>(counts[i]) / static_cast<double>(parts[i].size), counts[i]});
    return out;
  }

 private:
  static std::vector<int64_t> by_number(const std::vector<int64_t>& begin, const Tensor& pooled,
                                        double target) {
    const auto keep = select(pooled.reshape({1, -1}), Contest::Layer, target).flatten();
    std::vector<int64_t> counts;
    for (size_t i = 0; i + 1 < begin.size(); ++i)
      counts.push_back((~keep.slice(0, begin[i], begin[i + 1])).sum().item<int64_t>());
    return counts;
  }

  static std::vector<int64_t> by_weight(const std::vector<Part>& parts,
                                        const std::vector<int64_t>& begin, const Tensor& pooled,
                                        double target) {
    const auto order = std::get<1>(at::sort(pooled, true, 0, false));
    const int64_t* at = order.const_data_ptr<int64_t>();
    double total = 0, gone = 0;
    for (const auto& p : parts) total += p.weight * static_cast<double>(p.size);
    std::vector<int64_t> counts(parts.size(), 0);
    for (int64_t i = 0; i < order.numel(); ++i) {
      const auto p = static_cast<size_t>(std::upper_bound(begin.begin(), begin.end(), at[i]) -
                                         begin.begin() - 1);
      if (gone + parts[p].weight > target * total) break;
      if (counts[p] + 1 >= parts[p].size) continue;
      ++counts[p];
      gone += parts[p].weight;
    }
    return counts;
  }

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
