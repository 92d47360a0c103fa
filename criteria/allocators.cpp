// Uniform, global and ERK (Mocanu et al. 2018, Evci et al. 2020): how one target is split over
// layers.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/allocator.h"
#include "measure/normalize.h"
#include "measure/pooled.h"

namespace bench {
namespace {

Key counts_key() {
  return key("counts", "floor", "shares become whole weights by floor, or by round half to even")
      .one_of({"floor", "round"});
}

int64_t rounded(double x) {
  return static_cast<int64_t>(std::nearbyint(x));
}

std::vector<Share> as_shares(const std::vector<Part>& parts, const std::vector<int64_t>& counts) {
  std::vector<Share> out;
  for (size_t i = 0; i < parts.size(); ++i)
    out.push_back({static_cast<double>(counts[i]) / static_cast<double>(parts[i].size), counts[i]});
  return out;
}

class Uniform : public Allocator {
 public:
  static Schema schema() {
    return {
        key("counts", "floor",
            "shares become whole weights by floor, or by round half to even; keep: what stays of "
            "a row is rounded down, as EBFT counts (lib/prune_ft.py)")
            .one_of({"floor", "round", "keep"})};
  }
  explicit Uniform(const Config& c)
      : round_(c.get<std::string>("counts") == "round"),
        keep_(c.get<std::string>("counts") == "keep") {}
  Accepts accepts() const override {
    if (keep_) return {.units = {}, .use = "counts=floor"};
    if (!round_) return {.depth = false, .use = "allocator=global"};
    return {.nm = false, .units = {}, .per_row = false, .use = "counts=floor"};
  }
  std::vector<Share> shares(const Split& split) const override {
    std::vector<Share> out;
    for (const auto& p : split.parts)
      out.push_back({keep_ ? all_but(p, 1 - split.target) : split.target,
                     round_ ? rounded(split.target * static_cast<double>(p.size)) : -1});
    return out;
  }

 private:
  /// The share that leaves int(columns * kept) of each row, whichever way it is rounded.
  static double all_but(const Part& p, double kept) {
    const auto columns = static_cast<double>(p.size / std::max<int64_t>(p.shape.front(), 1));
    const double gone = columns - std::floor(columns * kept + 1e-9);
    return (gone + 1e-6) / columns;
  }

  bool round_, keep_;
};

/// One threshold on the pooled scores, as exact counts: the lowest go, ties by part and index,
/// until the target is reached; a part of units keeps at least one.
class Global : public Allocator {
 public:
  static Schema schema() {
    return {counts_key(),
            key("normalise", "none",
                "how the scores of a part are scaled before they are pooled (measure/normalize.h)")
                .one_of(normalizers()),
            sentinel_key(),
            key("budget", "weights",
                "groups: the target is a share of their weights, or every unit counts as one")
                .one_of({"weights", "units"}),
            key("ties", "stable",
                "equal scores: the first in order go; reference: all up to the threshold go "
                "(Synaptic-Flow Pruners/pruners.py:22-37)")
                .one_of({"stable", "reference"})};
  }
  explicit Global(const Config& c)
      : normalise_(c.get<std::string>("normalise")),
        sentinel_(c.get<double>("sentinel")),
        units_(c.get<std::string>("budget") == "units"),
        round_(c.get<std::string>("counts") == "round"),
        threshold_(c.get<std::string>("ties") == "reference") {}
  Accepts accepts() const override {
    return {.nm = false, .per_row = false, .authors_ties = false, .use = "allocator=uniform"};
  }
  bool wants_scores() const override { return true; }

  std::vector<Share> shares(const Split& split) const override {
    const auto& parts = split.parts;
    const ScoreOf score = [&](size_t i) { return on_common_scale(split.scores.of(i)); };
    int64_t total = 0;
    for (const auto& p : parts) total += p.size;
    if (units_) {
      // total - int(total (1 - target)) of the lowest units, as LLM-Pruner counts (mini_llm.md 4).
      auto counts = lowest_of_all(parts.size(), score, removed_units(total, 1, split.target));
      for (size_t i = 0; i < parts.size(); ++i)
        counts[i] = std::min(counts[i], parts[i].size - parts[i].at_least);
      return as_shares(parts, counts);
    }
    if (std::any_of(parts.begin(), parts.end(), [](const Part& p) { return p.weight > 1; }))
      return as_shares(parts, by_weight(parts, score, split.target));
    const auto drop = round_ ? rounded(split.target * static_cast<double>(total))
                             : removed_weights(total, split.target);
    return as_shares(parts, lowest_of_all(parts.size(), score, drop, threshold_));
  }

 private:
  /// What is gone already (-inf) stays below everything and counts for nothing.
  Tensor on_common_scale(const Tensor& scores) const {
    const auto score = scores.detach().to(at::kCPU, at::kFloat).flatten();
    if (normalise_ == "none") return score;
    const auto here = at::isfinite(score);
    if (!here.any().item<bool>()) return score;
    const auto scaled = normalized(score.masked_select(here), normalise_, sentinel_).to(at::kFloat);
    if (!scaled.isfinite().all().item<bool>()) return score;  // all zero: no scale
    return score.masked_scatter(here, scaled);
  }

  /// Units are few: their scores are held together.
  static std::vector<int64_t> by_weight(const std::vector<Part>& parts, const ScoreOf& score,
                                        double target) {
    std::vector<int64_t> begin(parts.size() + 1, 0);
    std::vector<Tensor> all;
    double total = 0, gone = 0;
    for (size_t i = 0; i < parts.size(); ++i) {
      begin[i + 1] = begin[i] + parts[i].size;
      all.push_back(score(i));
      total += parts[i].weight * static_cast<double>(parts[i].size);
    }
    const auto order = std::get<1>(at::sort(at::cat(all), true, 0, false)).contiguous();
    const int64_t* at = order.const_data_ptr<int64_t>();
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
  double sentinel_;
  bool units_, round_, threshold_;
};

/// Density of a layer ~ (sum of its dimensions over their product)^power, layers that would exceed
/// 1 dense (rigl/sparse_utils.py:90-170). counts=round: survivors are rounded first and layers
/// become dense one at a time (layer-adaptive-sparsity tools/pruners.py:108-143).
class Erk : public Allocator {
 public:
  static Schema schema() {
    return {key("counts", "floor",
                "shares become whole weights by floor, or by round half to even; rigl: floor, and "
                "each layer's zeros are whole before densities are found, as in its code")
                .one_of({"floor", "round", "rigl"}),
            key("kernel", true, "false: Erdos-Renyi, which leaves kernel sizes out"),
            key("power", 1.0, "exponent of the densities").range(0, 10)};
  }
  explicit Erk(const Config& c)
      : round_(c.get<std::string>("counts") == "round"),
        whole_(c.get<std::string>("counts") == "rigl"),
        kernel_(c.get<bool>("kernel")),
        power_(c.get<double>("power")) {}
  Accepts accepts() const override { return {.nm = false, .units = {}}; }
  std::vector<Share> shares(const Split& split) const override {
    const auto& parts = split.parts;
    const double target = split.target;
    std::vector<bool> dense(parts.size(), false);
    std::vector<double> stay(parts.size(), 0);  // survivors of the layers that are not dense
    for (bool again = true; again;) {
      again = false;
      double keep = 0, raw = 0, worst = 1;
      for (size_t i = 0; i < parts.size(); ++i) {
        const auto n = static_cast<double>(parts[i].size);
        const double zeros = whole_ ? std::floor(target * n) : target * n;
        keep += dense[i] ? -zeros : whole_ ? n - zeros : n * (1 - target);
        if (!dense[i]) raw += demand(parts[i]);
      }
      if (raw == 0) break;
      const double epsilon = std::max(0.0, keep / raw);
      for (size_t i = 0; i < parts.size(); ++i) {
        stay[i] = epsilon * demand(parts[i]);
        if (round_) stay[i] = std::nearbyint(stay[i]);
        if (!dense[i]) worst = std::max(worst, stay[i] / static_cast<double>(parts[i].size));
      }
      if (worst <= 1) break;
      for (size_t i = 0; i < parts.size() && !(round_ && again); ++i)
        if (!dense[i] && stay[i] / static_cast<double>(parts[i].size) == worst)
          dense[i] = again = true;
    }
    std::vector<Share> out;
    for (size_t i = 0; i < parts.size(); ++i) {
      const double share = dense[i] ? 0 : 1 - stay[i] / static_cast<double>(parts[i].size);
      out.push_back({share, !round_ ? -1 : dense[i] ? 0 : parts[i].size - int64_t(stay[i])});
    }
    return out;
  }

 private:
  /// The layer's density, up to the common factor, times its weights.
  double demand(const Part& p) const {
    const auto end = kernel_ ? p.shape.end() : p.shape.begin() + 2;
    const auto sum = static_cast<double>(std::accumulate(p.shape.begin(), end, int64_t{0}));
    if (kernel_ && power_ == 1) return sum;
    double product = 1;
    for (auto d = p.shape.begin(); d != end; ++d) product *= static_cast<double>(*d);
    return std::pow(sum / product, power_) * static_cast<double>(p.size);
  }
  bool round_, whole_, kernel_;
  double power_;
};

BENCH_REGISTER(Allocator, Uniform, "uniform", .doc = "the same share everywhere",
               .source = "Han et al. 2015, arXiv 1506.02626", .year = 2015,
               .when = About::When::Any, .how = About::How::Fixed);
BENCH_REGISTER(Allocator, Global, "global", .doc = "one threshold on the pooled scores",
               .source = "Frankle and Carbin 2019, arXiv 1803.03635", .year = 2019,
               .when = About::When::Any);
BENCH_REGISTER(Allocator, Erk, "erk", .doc = "Erdos-Renyi-Kernel densities",
               .source = "Evci et al. 2020, arXiv 1911.11134", .year = 2020,
               .when = About::When::Any, .how = About::How::Fixed);

}  // namespace
}  // namespace bench
