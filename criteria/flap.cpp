// FLAP (An et al. 2024, arXiv 2312.11983): an input whose values hardly vary is the one that a bias
// replaces best. Score of an input: its variance times the squared norm of its column (WIFV), its
// variance alone (IFV) or Wanda's score (WIFN); squared for attention, standardised per layer, a
// head being the mean over its columns (FLAP/lib/prune.py:14-18, 306-393, layerwrapper.py:61-84).
// With allocator=flap (one threshold, heads weighted) and update=bias.
#include <algorithm>
#include <limits>
#include <map>

#include "core/allocator.h"
#include "core/criterion.h"
#include "core/update.h"
#include "measure/statistics.h"

namespace bench {
namespace {

/// The authors' running estimate, float32 as theirs: their old mean is the new one (an alias), and
/// the first sequence counts nothing.
struct InputFluctuation : Statistic {
  static constexpr const char* kName = "input_fluctuation";
  static const Pass& pass() { return kForwardPass; }
  explicit InputFluctuation(const Layer& l)
      : mean(at::zeros({l.columns()}, l.weight.options().dtype(at::kFloat))),
        fluctuation(at::zeros_like(mean)) {}
  void on_input(const Tensor& x, int64_t n) override {
    const double before = static_cast<double>(count), now = before + static_cast<double>(n);
    mean *= before / now;
    mean += x.mean(0) / now;
    if (count > 0) {
      fluctuation *= (before - 1) / (now - 1);
      fluctuation += (x - mean).square().sum(0) / now;
    }
    count += n;
  }
  Values values() const override { return {{"moments", at::stack({mean, fluctuation})}}; }

  Tensor mean, fluctuation;  // [in] float32
  int64_t count = 0;
};

/// The layers whose inputs are the units: o_proj for heads, down_proj for neurons.
Accepts heads_and_neurons() {
  return {.weights = false, .nm = false, .units = {"head", "neuron"}};
}

const Slice& reader(const Group& group) {
  for (const auto& s : group.slices)
    if (s.dim == Slice::In) return s;
  fail("{}: no layer reads its units", group.name);
}

/// The authors' rule: everything below the score at index int(ratio * units) goes
/// (FLAP/lib/prune.py, prune_wanda_sp, prune_magnitude_sp).
class BelowIndex : public Selection {
 public:
  Tensor units(const Group& group, const Tensor& score, Share share) const override {
    if (share.count >= 0) return Selection::units(group, score, share);
    const auto sorted = std::get<0>(at::sort(score));
    return score >= sorted[removed_weights(score.numel(), share.ratio)];
  }
};

class Flap : public Criterion {
 public:
  static Schema schema() {
    return {
        key("metric", "wifv",
            "of an input: variance times squared column norm, variance, or Wanda's")
            .one_of({"wifv", "ifv", "wifn"}),
        key("variance", "welford",
            "over all tokens, or the authors' running estimate, whose means are aliased")
            .one_of({"welford", "flap_reference"}),
        key("standardise", true, "scores of a layer to mean 0 and deviation 1 before heads form")};
  }
  explicit Flap(const Config& c)
      : metric_(c.get<std::string>("metric")),
        reference_(c.get<std::string>("variance") == "flap_reference"),
        standardise_(c.get<bool>("standardise")) {}

  Ranks accepts() const override { return {heads_and_neurons(), Contest::Layer, "below_index"}; }
  Needs needs() const override {
    if (reference_ && metric_ != "wifn") return {need<InputFluctuation>()};
    return {need<InputMoments>()};
  }

  Tensor score(const View& view, const Stats& stats) const override {
    return (view.weight.square() * view.columns(variance(view.layer, stats))).to(at::kFloat);
  }

  Tensor units(const Group& group, const Stats& stats) const override {
    const auto& s = reader(group);
    auto each = metric(*s.layer, stats);
    if (group.kind == "head") each = each.square();
    if (standardise_) each = (each - each.mean()) / each.std();
    const auto by_unit = each.reshape({s.stretches, group.units, s.width});
    return standardise_ ? by_unit.mean(2).mean(0) : by_unit.sum(2).sum(0);
  }

 private:
  Tensor variance(const Layer& l, const Stats& stats) const {
    if (reference_) return stats.get<InputFluctuation>(l).fluctuation;
    const auto& m = stats.get<InputMoments>(l);
    const auto n = static_cast<double>(m.rows);
    const auto v = (m.square_sum - m.sum.square() / n) / std::max(1.0, n - 1);
    return v.clamp_min(0).to(at::kFloat);
  }

  Tensor metric(const Layer& l, const Stats& stats) const {
    const auto w = l.matrix();
    if (metric_ == "wifn") {
      const auto norm = stats.get<InputMoments>(l).scaler_row().sqrt().to(at::kFloat);
      return (w.abs() * norm).mean(0);
    }
    const auto v = variance(l, stats);
    return metric_ == "ifv" ? v : v * w.square().sum(0);
  }

  std::string metric_;
  bool reference_, standardise_;
};

/// One threshold on the pooled scores: the one whose kept weight comes nearest to what is asked;
/// what equals it goes. Weights of single neurons are the unit.
class FlapAllocator : public Allocator {
 public:
  static Schema schema() {
    return {
        key("modules", "together", "one threshold for all, or one for each kind of group")
            .one_of({"together", "apart"}),
        key("layers", "adaptive",
            "apart: thresholds over all layers, or the same counts in every layer (UL-MM)")
            .one_of({"adaptive", "uniform"}),
        key("head_weight", 0.0, "neurons that a head counts for; 0: by its weights").at_least(0),
        key("remove_heads", 0, "apart: heads that go; 0: the same share as of everything")
            .at_least(0)};
  }
  explicit FlapAllocator(const Config& c)
      : apart_(c.get<std::string>("modules") == "apart"),
        uniform_(c.get<std::string>("layers") == "uniform"),
        head_weight_(c.get<double>("head_weight")),
        remove_heads_(c.get<int64_t>("remove_heads")) {
    if (uniform_ && !apart_) fail("{}: layers=uniform needs modules=apart", c.path());
  }

  Accepts accepts() const override {
    auto a = heads_and_neurons();
    a.authors_ties = false;
    return a;
  }
  bool wants_scores() const override { return true; }

  std::vector<Share> shares(const Split& split) const override {
    const auto& parts = split.parts;
    const double target = split.target;
    std::vector<Share> out(parts.size());
    std::map<std::string, std::vector<size_t>> pools;
    for (size_t i = 0; i < parts.size(); ++i) pools[apart_ ? parts[i].kind : ""].push_back(i);
    for (const auto& [kind, pool] : pools) {
      if (uniform_) {
        const auto count = count_of(parts, kind, target, static_cast<int64_t>(pool.size()));
        for (const auto i : pool) out[i] = {target, count};
        continue;
      }
      const auto seen = seen_in(split, pool);
      const double threshold = apart_ ? by_count(seen, count_of(parts, kind, target, 1))
                                      : by_weight(parts, pool, seen, target);
      for (size_t k = 0; k < pool.size(); ++k) {
        const auto& part = parts[pool[k]];
        const auto gone = (seen[k] <= threshold).sum().item<int64_t>();
        const auto count = std::min(gone, part.size - part.at_least);
        out[pool[k]] = {static_cast<double>(count) / static_cast<double>(part.size), count};
      }
    }
    return out;
  }

 private:
  static std::vector<Tensor> seen_in(const Split& split, const std::vector<size_t>& pool) {
    std::vector<Tensor> all;
    for (const auto i : pool)
      all.push_back(split.scores.of(i).detach().to(at::kCPU, at::kFloat).flatten());
    return all;
  }

  double weight_of(const Part& p, double neuron) const {
    if (p.kind == "head" && head_weight_ > 0) return head_weight_;
    return p.kind == "head" ? p.weight / neuron : 1;
  }

  static double neuron(const std::vector<Part>& parts) {
    for (const auto& p : parts)
      if (p.kind == "neuron") return p.weight;
    return parts.front().weight;
  }

  double by_weight(const std::vector<Part>& parts, const std::vector<size_t>& pool,
                   const std::vector<Tensor>& seen, double target) const {
    std::vector<Tensor> weights;
    for (const auto i : pool)
      weights.push_back(at::full({parts[i].size}, weight_of(parts[i], neuron(parts)), at::kDouble));
    const auto [sorted, order] = at::sort(at::cat(seen), true, 0, /*descending=*/true);
    const auto kept = at::cat(weights).index_select(0, order).cumsum(0);
    const auto asked = kept[-1] * (1 - target);
    return sorted[(kept - asked).abs().argmin()].item<double>();
  }

  /// Heads and neurons that go where each kind has its own threshold (cal_remove_neuron), in each
  /// of so many layers.
  int64_t count_of(const std::vector<Part>& parts, const std::string& kind, double target,
                   int64_t layers) const {
    int64_t heads = 0, units = 0;
    double total = 0, head = 0;
    for (const auto& p : parts) {
      total += p.weight * static_cast<double>(p.size);
      if (p.kind == "head") heads += p.size, head = p.weight;
      if (p.kind == kind) units += p.size;
    }
    const auto gone = (remove_heads_ > 0 ? remove_heads_ : removed_weights(heads, target)) / layers;
    if (kind == "head") return std::min(gone, units);
    const auto rest = target * total / static_cast<double>(layers) - head * double(gone);
    return std::clamp(static_cast<int64_t>(rest / neuron(parts)), int64_t{0}, units);
  }

  /// The count-th smallest score of a pool; below everything for none.
  static double by_count(const std::vector<Tensor>& seen, int64_t count) {
    if (count == 0) return -std::numeric_limits<double>::infinity();
    return std::get<0>(at::kthvalue(at::cat(seen), count)).item<double>();
  }

  bool apart_, uniform_;
  double head_weight_;
  int64_t remove_heads_;
};

/// What removed inputs gave on average goes into the bias: b += W[:, removed] mean.
class BiasUpdate : public Update {
 public:
  static Schema schema() {
    return {key("mean", "float32", "precision in which means are kept; the authors keep float16")
                .one_of({"float32", "float16"})};
  }
  explicit BiasUpdate(const Config& c) : half_(c.get<std::string>("mean") == "float16") {}

  Needs needs() const override { return {need<InputMoments>()}; }

  void apply(Site& site) const override {
    auto& layer = site.layer;
    const auto& mask = site.mask;
    const auto w = layer.matrix();
    const auto& m = site.stats.get<InputMoments>(layer);
    auto mean = (m.sum / static_cast<double>(std::max<int64_t>(m.rows, 1))).to(at::kFloat);
    if (half_) mean = mean.to(at::kHalf).to(at::kFloat);
    // Rows that go altogether have nobody who reads their bias.
    const auto lost = (w.masked_fill(mask, 0) * mean).sum(1).masked_fill(~mask.any(1), 0);
    layer.set_matrix(w.masked_fill(~mask, 0));
    if (!layer.bias.defined() && !lost.any().item<bool>()) return;
    layer.bias = layer.bias.defined() ? layer.bias + lost : lost;
  }

 private:
  bool half_;
};

constexpr const char* kPaper = "An et al. 2024, arXiv 2312.11983";
BENCH_REGISTER(Criterion, Flap, "flap", .doc = "variance of an input times the norm of its column",
               .source = kPaper, .year = 2024, .data = About::Data::Unlabelled);
BENCH_REGISTER(Allocator, FlapAllocator, "flap",
               .doc = "one threshold on standardised scores, heads weighted by their size",
               .source = kPaper, .year = 2024);
BENCH_REGISTER(Update, BiasUpdate, "bias", .doc = "the mean of what is removed goes into the bias",
               .source = kPaper, .year = 2024, .data = About::Data::Unlabelled);
BENCH_REGISTER(Selection, BelowIndex, "below_index",
               .doc = "units below the score at index int(ratio units) go", .source = kPaper,
               .year = 2024);

}  // namespace
}  // namespace bench
