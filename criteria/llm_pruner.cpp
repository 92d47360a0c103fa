// LLM-Pruner (Ma et al. 2023, arXiv 2305.11627): what a channel weighs in the loss, from one
// backward pass over the calibration data, summed over everything that goes with it
// (LLMPruner/pruner/hf_llama_pruner.py; mini_llm.md 8). Element1 w g, Element2 w^2 F, mix
// w g - w^2 F / 2, vector |sum of w g|; L1 |w|, L2 w^2 without a root. F: mean squared gradient of
// single sequences. Its random baseline is the criterion `random`.
#include "core/criterion.h"
#include "measure/statistics.h"

namespace bench {
namespace {

enum class Salience { Element1, Element2, Mix, Vector, L1, L2 };

bool uses_gradient(Salience s) {
  return s != Salience::L1 && s != Salience::L2;
}
bool uses_square(Salience s) {
  return s == Salience::Element2 || s == Salience::Mix;
}

/// Mean over sequences of the squared gradient, float32 [out, in*kh*kw].
struct GradientSquare : Statistic {
  static constexpr const char* kName = "gradient_square";
  static const Pass& pass() { return kBackwardPass; }
  explicit GradientSquare(const Layer& l) : sum(at::zeros_like(l.matrix()).detach()) {}
  void on_gradient(const Tensor& g, double /*share*/) override {
    sum += g.square();
    ++count;
  }
  Values values() const override { return {{"mean", mean()}}; }
  Tensor mean() const { return sum / static_cast<double>(count); }

  Tensor sum;
  int64_t count = 0;
};

/// Both moments for the norms and embeddings of the residual stream, by name.
struct FollowerGradients : Statistic {
  static constexpr const char* kName = "follower_gradients";
  static const Pass& pass() { return kBackwardPass; }
  explicit FollowerGradients(const Layer&) {}
  bool wants_followers() const override { return true; }
  void on_follower(const Follower& f, const Tensor& g, double share) override {
    auto& of = all[f.name];
    if (!of.mean.defined()) of = {at::zeros_like(g), at::zeros_like(g), 0};
    of.mean += g * share;
    of.squares += g.square();
    ++of.count;
  }

  struct Moments {
    Tensor mean, squares;
    int64_t count = 0;
  };
  std::map<std::string, Moments> all;
};

class LlmPruner : public Criterion {
 public:
  LlmPruner(Salience salience, const Config& c)
      : salience_(salience),
        grouping_(c.get<std::string>("grouping")),
        faithful_(c.get<bool>("faithful")) {}

  Needs needs() const override {
    Needs all;
    if (uses_gradient(salience_)) {
      all.push_back(need<MeanGradient>());
      all.push_back(need<FollowerGradients>());
    }
    if (uses_square(salience_)) all.push_back(need<GradientSquare>());
    return all;
  }

  Tensor score(const View& view, const Stats& stats) const override {
    return salience(view, stats).abs().to(at::kFloat);
  }

  Tensor units(const Group& group, const Stats& stats) const override {
    std::vector<Tensor> members;
    for (const auto& s : group.slices) {
      const auto along = size_along(salience(View(*s.layer), stats), s.dim);
      members.push_back(channels(group, s, along));
    }
    for (const auto& f : group.followers)
      if (!f.name.empty() && !dropped(group, f))
        members.push_back(size_along(salience(group, f, stats), f.dim));
    return reduce_members(group, members, grouping_);
  }

 private:
  Tensor combine(const Tensor& w, const Tensor& g, const Tensor& square) const {
    switch (salience_) {
      case Salience::Element2:
        return w * square * w;
      case Salience::Mix:
        return w * g - 0.5 * w * square * w;
      case Salience::L1:
        return w.abs();
      case Salience::L2:
        return w.square();
      default:
        return w * g;
    }
  }

  Tensor salience(const View& v, const Stats& stats) const {
    Tensor g, square;
    const auto part = [&](const Tensor& t) { return t.slice(1, v.begin, v.end); };
    if (uses_gradient(salience_)) g = part(stats.get<MeanGradient>(v.layer).mean);
    if (uses_square(salience_)) square = part(stats.get<GradientSquare>(v.layer).mean());
    return combine(v.weight, g, square);
  }

  Tensor salience(const Group& group, const Follower& f, const Stats& stats) const {
    Tensor g, square;
    if (uses_gradient(salience_)) {
      const auto& found = stats.get<FollowerGradients>(*group.slices.front().layer).all;
      const auto& of = found.at(f.name);
      g = of.mean;
      square = of.squares / static_cast<double>(of.count);
    }
    return combine(*f.values, g, square);
  }

  /// One value per index of `dim`: the sum of sizes, or the size of the sum.
  Tensor size_along(const Tensor& s, int64_t dim) const {
    std::vector<int64_t> others;
    for (int64_t d = 0; d < s.dim(); ++d)
      if (d != dim) others.push_back(d);
    const auto wide = s.to(at::kDouble);
    if (others.empty()) return wide.abs();
    return salience_ == Salience::Vector ? wide.sum(others).abs() : wide.abs().sum(others);
  }

  /// The authors fold a longer member by its length alone: key/value head j is credited with query
  /// heads j and j + KV, not with those that read it.
  Tensor channels(const Group& group, const Slice& s, const Tensor& along) const {
    const int64_t taps = s.dim == Slice::In ? s.layer->columns_per_channel() : 1;
    const bool grouped = s.stretches == 1 && s.width > group.unit_width * s.roles * taps;
    if (faithful_ && grouped) return along.reshape({-1, group.channels()}).sum(0);
    return group.to_channels(s, along);
  }

  /// Their L1 and L2 of an embedding stay a matrix, which the check of lengths drops, or which
  /// breaks the run where the vocabulary is a multiple of the width.
  bool dropped(const Group& group, const Follower& f) const {
    if (!faithful_ || uses_gradient(salience_) || !f.embedding) return false;
    if (f.values->size(0) % group.units == 0)
      fail(
          "criterion faithful: the authors' code crashes here: {} rows of {} are a multiple of the "
          "width {}; use faithful=false",
          f.values->size(0), f.name, group.units);
    return true;
  }

  Salience salience_;
  std::string grouping_;
  bool faithful_;
};

Schema schema_of(const char* grouping) {
  return {key("grouping", grouping, "reduction over the members of a group, channel by channel")
              .one_of({"sum", "mean", "max", "prod", "first", "second"}),
          key("faithful", false,
              "the quirks of the authors' code: how grouped queries are credited, and embeddings "
              "left out of L1 and L2")};
}

template <Salience kind>
struct Of : LlmPruner {
  static Schema schema() { return schema_of(uses_gradient(kind) ? "sum" : "mean"); }
  explicit Of(const Config& c) : LlmPruner(kind, c) {}
};
using Element1 = Of<Salience::Element1>;
using Element2 = Of<Salience::Element2>;
using Mix = Of<Salience::Mix>;
using VectorWise = Of<Salience::Vector>;
using L1 = Of<Salience::L1>;
using L2 = Of<Salience::L2>;

constexpr const char* kPaper = "Ma et al. 2023, arXiv 2305.11627";
BENCH_REGISTER(Criterion, Element1, "llm_pruner_element1", .doc = "LLM-Pruner: |w g| (param_first)",
               .source = kPaper, .year = 2023, .data = About::Data::Unlabelled);
BENCH_REGISTER(Criterion, Element2, "llm_pruner_element2",
               .doc = "LLM-Pruner: w^2 F (param_second)", .source = kPaper, .year = 2023,
               .data = About::Data::Unlabelled);
BENCH_REGISTER(Criterion, Mix, "llm_pruner_mix", .doc = "LLM-Pruner: |w g - w^2 F / 2| (param_mix)",
               .source = kPaper, .year = 2023, .data = About::Data::Unlabelled);
BENCH_REGISTER(Criterion, VectorWise, "llm_pruner_vector",
               .doc = "LLM-Pruner: |sum of w g| (vectorize)", .source = kPaper, .year = 2023,
               .data = About::Data::Unlabelled);
BENCH_REGISTER(Criterion, L1, "llm_pruner_l1", .doc = "LLM-Pruner: sum of |w|", .source = kPaper,
               .year = 2023);
BENCH_REGISTER(Criterion, L2, "llm_pruner_l2", .doc = "LLM-Pruner: sum of squares, without a root",
               .source = kPaper, .year = 2023);

}  // namespace
}  // namespace bench
