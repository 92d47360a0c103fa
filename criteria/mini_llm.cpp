// MINI-LLM (Cheng, Zhang, Shi 2024, arXiv 2407.11681): Feature Map Sensitivity |W g| a with a
// gradient g from forward passes alone, and the controls without which its result cannot be read
// (mini_llm.md 1-4): wanda_structured (g = 1), fms_random (the same directions, p = 1),
// fms_backprop, taylor (a = 1).
#include "core/criterion.h"
#include "measure/statistics.h"
#include "measure/zeroth_order.h"

namespace bench {
namespace {

enum class Grad { ZerothOrder, Random, Backprop, One };

struct FmsOptions {
  Grad grad = Grad::ZerothOrder;
  std::string act_stat = "l2_norm", elementwise = "abs", members = "sum";
  bool divide = false, rademacher = false, all_parameters = false;
  int64_t n = 10, base_seed = 42;
  double eps = 1e-3;
};

Schema score_schema() {
  return {key("elementwise", "abs",
              "abs: sum of |W g| a; signed_then_abs: |sum of W g a| (vector form)")
              .one_of({"abs", "signed_then_abs"}),
          key("members", "sum", "reduction over the members of a group, channel by channel")
              .one_of({"sum", "mean", "max", "prod", "first", "second"})};
}
Schema activation_schema() {
  return {
      key("act_stat", "l2_norm", "the activation of an input channel over all calibration tokens")
          .one_of({"l2_norm", "mean_abs", "mean_signed", "none"})};
}
Schema direction_schema() {
  return {
      key("n", 10, "directions; direction i uses calibration sequence i mod N").range(1, 100000),
      key("z", "normal", "distribution of the directions").one_of({"normal", "rademacher"}),
      key("z_rule", "multiply", "p z (unbiased) or p / z (Spall)").one_of({"multiply", "divide"}),
      key("base_seed", 42, "seed of direction 0; direction i has base_seed + i").at_least(0)};
}

class Fms : public Criterion {
 public:
  explicit Fms(FmsOptions o) : o_(std::move(o)) {}

  Ranks accepts() const override {
    return {{.input = o_.grad == Grad::ZerothOrder ? Input::Text : Input::Any}};
  }
  Needs needs() const override {
    Needs all;
    if (o_.act_stat != "none") all.push_back(need<InputMoments>());
    if (o_.grad == Grad::ZerothOrder) all.push_back(differences());
    if (o_.grad == Grad::Backprop) all.push_back(need<MeanGradient>());
    return all;
  }

  Tensor score(const View& view, const Stats& stats) const override {
    auto s = weight_times_gradient(view, stats).abs();
    if (o_.act_stat != "none") s = s * view.columns(activation(view.layer, stats)).abs();
    return s.to(at::kFloat);
  }

  Tensor units(const Group& group, const Stats& stats) const override {
    std::vector<Tensor> members;
    for (const auto& slice : group.slices) members.push_back(member(group, slice, stats));
    return reduce_members(group, members, o_.members);
  }

 private:
  StatisticKind differences() const {
    return need<ZerothOrder>(o_.n, o_.eps, int(o_.rademacher), o_.base_seed,
                             int(o_.all_parameters));
  }

  Tensor gradient(const Layer& layer, const Stats& stats) const {
    const auto kind = o_.rademacher ? Directions::Rademacher : Directions::Normal;
    if (o_.grad == Grad::Backprop) return stats.get<MeanGradient>(layer).mean;
    if (o_.grad == Grad::ZerothOrder)
      return zeroth_order_gradient(layer, stats.get<ZerothOrder>(layer, differences()).differences,
                                   kind, o_.divide);
    std::vector<Difference> ones;
    for (int64_t i = 0; i < o_.n; ++i)
      ones.push_back({static_cast<uint64_t>(o_.base_seed + i), 0, 0, 1.0});
    return zeroth_order_gradient(layer, ones, kind, o_.divide);
  }

  /// float32 [out, columns of the view]; |.| is the caller's.
  Tensor weight_times_gradient(const View& view, const Stats& stats) const {
    if (o_.grad == Grad::One) return view.weight;
    return view.weight * gradient(view.layer, stats).slice(1, view.begin, view.end);
  }

  Tensor activation(const Layer& layer, const Stats& stats) const {
    const auto& m = stats.get<InputMoments>(layer);
    if (o_.act_stat == "l2_norm") return m.square_sum.sqrt();
    return (o_.act_stat == "mean_abs" ? m.abs_sum : m.sum) / static_cast<double>(m.rows);
  }

  Tensor member(const Group& group, const Slice& slice, const Stats& stats) const {
    const View all(*slice.layer);
    const auto salience = weight_times_gradient(all, stats);
    const bool vector = o_.elementwise == "signed_then_abs";
    const auto s = (vector ? salience : salience.abs()).to(at::kDouble);
    Tensor a;
    if (o_.act_stat != "none") a = activation(*slice.layer, stats);
    if (a.defined() && !vector) a = a.abs();
    // A row meets every input channel; a column meets its own.
    auto along = slice.dim == Slice::Out ? (a.defined() ? s.mv(a) : s.sum(1)) : s.sum(0);
    if (slice.dim == Slice::In && a.defined()) along = along * a;
    return group.to_channels(slice, vector ? along.abs() : along);
  }

  FmsOptions o_;
};

FmsOptions read_score(const Config& c, FmsOptions o) {
  o.elementwise = c.get<std::string>("elementwise");
  o.members = c.get<std::string>("members");
  if (c.has("act_stat")) o.act_stat = c.get<std::string>("act_stat");
  if (c.has("n")) {
    o.n = c.get<int64_t>("n");
    o.rademacher = c.get<std::string>("z") == "rademacher";
    o.divide = c.get<std::string>("z_rule") == "divide";
    o.base_seed = c.get<int64_t>("base_seed");
  }
  if (c.has("eps")) o.eps = c.get<double>("eps");
  if (c.has("perturb")) o.all_parameters = c.get<std::string>("perturb") == "all";
  return o;
}

struct MiniLlm : Fms {
  static Schema schema() {
    return score_schema() + activation_schema() + direction_schema() +
           Schema{key("eps", 1e-3, "size of the perturbation").range(1e-8, 1),
                  key("perturb", "scored",
                      "the weights that are scored, or every parameter of the model as MeZO does")
                      .one_of({"scored", "all"})};
  }
  explicit MiniLlm(const Config& c) : Fms(read_score(c, {})) {}
};
struct WandaStructured : Fms {
  static Schema schema() { return score_schema() + activation_schema(); }
  explicit WandaStructured(const Config& c) : Fms(read_score(c, {.grad = Grad::One})) {}
};
struct FmsRandom : Fms {
  static Schema schema() { return score_schema() + activation_schema() + direction_schema(); }
  explicit FmsRandom(const Config& c) : Fms(read_score(c, {.grad = Grad::Random})) {}
};
struct FmsBackprop : Fms {
  static Schema schema() { return score_schema() + activation_schema(); }
  explicit FmsBackprop(const Config& c) : Fms(read_score(c, {.grad = Grad::Backprop})) {}
};
struct Taylor : Fms {
  static Schema schema() { return score_schema(); }
  explicit Taylor(const Config& c)
      : Fms(read_score(c, {.grad = Grad::Backprop, .act_stat = "none"})) {}
};

constexpr const char* kPaper = "Cheng et al. 2024, arXiv 2407.11681";
BENCH_REGISTER(Criterion, MiniLlm, "mini_llm",
               .doc = "Feature Map Sensitivity, zeroth-order gradient", .source = kPaper,
               .year = 2024, .data = About::Data::Unlabelled);
BENCH_REGISTER(Criterion, WandaStructured, "wanda_structured",
               .doc = "control: FMS with gradient 1", .source = "control of arXiv 2407.11681",
               .year = 2024, .data = About::Data::Unlabelled);
BENCH_REGISTER(Criterion, FmsRandom, "fms_random",
               .doc = "control: FMS with p = 1, the same directions",
               .source = "control of arXiv 2407.11681", .year = 2024,
               .data = About::Data::Unlabelled);
BENCH_REGISTER(Criterion, FmsBackprop, "fms_backprop", .doc = "control: FMS with the true gradient",
               .source = kPaper, .year = 2024, .data = About::Data::Unlabelled);
BENCH_REGISTER(Criterion, Taylor, "taylor",
               .doc = "|W g|: first-order Taylor, LLM-Pruner's Element1",
               .source = "Ma et al. 2023, arXiv 2305.11627", .year = 2023,
               .data = About::Data::Unlabelled);

}  // namespace
}  // namespace bench
