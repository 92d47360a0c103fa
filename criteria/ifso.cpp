// IFSO (Cheng, Zhang, Shi 2023, arXiv 2308.06755): influence-function second-order channel scores
// s = |H_mw (1/lambda) H_wm 1|, m a mask on the input channels of every layer (ifso.md 1). Two
// back-ends: finite differences as the released code takes them, and exact double backward.
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>

#include "core/borrowed.h"
#include "core/criterion.h"
#include "measure/cost.h"

namespace bench {
namespace {

struct IfsoScore : Statistic {
  static constexpr const char* kName = "ifso";
  static const Pass& pass();
  IfsoScore(const Layer& l, int exact_, int wide_, double lambda_, double step_, int all_,
            int drift_)
      : exact(exact_ != 0),
        wide(wide_ != 0),
        all(all_ != 0),
        drift(drift_ != 0),
        lambda(lambda_),
        step(step_),
        score(at::zeros({l.weight.size(1)}, at::kDouble)) {}
  Values values() const override { return {{"score", score}}; }
  bool exact, wide;     // double backward; float64
  bool all, drift;      // direction through dead channels too; +R, -2R, +R without copies
  double lambda, step;  // weight decay; r of the differences
  Tensor score;         // S, [in channels]: mean over batches of |s|
  double acts = 0;      // output positions per output channel in one forward of the first batch
};

/// The whole model in another dtype, its instruments off again and its tensors restored at the end.
class Probing {
 public:
  Probing(Model& model, at::ScalarType dtype, bool all, bool drift)
      : model_(model), before_(model), layers_(model.layers()), drift_(drift) {
    for (const auto& t : model.tensors())
      if (t.tensor->defined() && t.tensor->is_floating_point()) *t.tensor = t.tensor->to(dtype);
    for (Layer* l : layers_) {
      dense_.push_back(l->weight);
      const auto channels = l->weight.size(1);
      auto alive = at::ones({channels}, l->weight.options());
      if (l->mask.defined()) alive = l->mask.any(0).reshape({channels, -1}).any(1).to(dtype);
      hung_.push_back(l->gate);  // soft masks of a loop that prunes while it trains
      at_.push_back(l->gate.defined() ? l->gate.to(dtype).clone() : at::ones_like(alive));
      if (l->gate.defined()) alive = at_.back().ne(0).to(dtype);
      // direction: alive channels only, or all as in the released code (ifso.md 2.2, item 2)
      ones_.push_back(all ? at::ones_like(alive) : alive);
    }
  }
  ~Probing() {
    before_.restore(model_);
    for (size_t i = 0; i < layers_.size(); ++i) {
      layers_[i]->gate = hung_[i];
      if (!drift_) continue;
      if (hung_[i].defined()) layers_[i]->gate = at_[i].to(hung_[i].scalar_type()).detach();
      layers_[i]->weight = dense_[i].to(layers_[i]->weight.scalar_type()).detach();
    }
  }
  Probing(const Probing&) = delete;
  Probing& operator=(const Probing&) = delete;

  const std::vector<Layer*>& layers() const { return layers_; }
  const std::vector<Tensor>& ones() const { return ones_; }
  /// Leaves for one evaluation: gates at ones + shift*ones, weights at dense + scale*v.
  void set(double shift, double scale, const std::vector<Tensor>& v) {
    gates.clear();
    weights.clear();
    for (size_t i = 0; i < layers_.size(); ++i) {
      auto gate = at_[i] + ones_[i] * shift;
      auto w = scale != 0 ? dense_[i] + v[i] * scale : dense_[i].clone();
      if (drift_) at_[i] = gate.detach().clone(), dense_[i] = w.detach().clone();
      gates.push_back(gate.detach().requires_grad_());
      weights.push_back(w.detach().requires_grad_());
      layers_[i]->gate = gates[i];
      layers_[i]->weight = weights[i];
    }
  }
  bool drifts() const { return drift_; }
  std::vector<Tensor> gates, weights;

 private:
  Model& model_;
  Snapshot before_;
  std::vector<Layer*> layers_;
  std::vector<Tensor> dense_, ones_, at_, hung_;  // at_: the masks' own values
  bool drift_;
};

double norm_of(const std::vector<Tensor>& all) {
  double sum = 0;
  for (const auto& t : all) sum += t.to(at::kDouble).square().sum().item<double>();
  return std::sqrt(sum);
}

/// (f(+) - f(-)) / (2 r), entry by entry.
std::vector<Tensor> central(const std::vector<Tensor>& plus, const std::vector<Tensor>& minus,
                            double r) {
  std::vector<Tensor> out;
  for (size_t i = 0; i < plus.size(); ++i) out.push_back((plus[i] - minus[i]) / (2 * r));
  return out;
}

std::vector<Tensor> by_differences(Probing& at_, const Model& model, const Batch& batch,
                                   const IfsoScore& how) {
  const auto gradient = [&](double shift, double scale, const std::vector<Tensor>& v,
                            bool of_weights) {
    at_.set(shift, scale, v);
    return torch::autograd::grad({model.loss(batch)}, of_weights ? at_.weights : at_.gates);
  };
  // Where nothing is copied, each step starts from what the one before left: +R, -2R, +R.
  const double back = at_.drifts() ? -2 : -1;
  const double r_m = how.step / norm_of(at_.ones());
  const auto m_plus = gradient(r_m, 0, {}, true);
  auto v = central(m_plus, gradient(back * r_m, 0, {}, true), r_m);  // H_wm 1
  if (at_.drifts()) at_.set(r_m, 0, {});
  for (auto& t : v) t = t / how.lambda;
  const double r_w = how.step / norm_of(v);
  const auto w_plus = gradient(0, r_w, v, false);
  auto s = central(w_plus, gradient(0, back * r_w, v, false), r_w);
  if (at_.drifts()) at_.set(0, r_w, v);
  return s;
}

std::vector<Tensor> by_double_backward(Probing& at_, const Model& model, const Batch& batch,
                                       const IfsoScore& how) {
  at_.set(0, 0, {});
  const auto l = model.loss(batch);
  const auto gm = torch::autograd::grad({l}, at_.gates, {}, true, true);
  auto along = at::zeros({}, l.options());
  for (size_t i = 0; i < gm.size(); ++i) along = along + (gm[i] * at_.ones()[i]).sum();
  const auto a = torch::autograd::grad({along}, at_.weights, {}, true);
  const auto gw = torch::autograd::grad({l}, at_.weights, {}, true, true);
  auto product = at::zeros({}, l.options());
  for (size_t i = 0; i < gw.size(); ++i)
    product = product + (gw[i] * (a[i].detach() / how.lambda)).sum();
  return torch::autograd::grad({product}, at_.gates);
}

void count_acts(const Probe& p, Heard<IfsoScore> heard) {
  at::NoGradGuard no_grad;
  Borrowed borrowed;
  for (const auto& [layer, s] : heard)
    borrowed.tap(*layer, [s = s](const Tensor& x, const Tensor&) {
      s->acts = static_cast<double>(x.size(0));
    });
  p.model.forward(p.data.batches.front());
}

/// The order of sums in backward passes would depend on the threads: Pass::One.
void score(const Probe& p, Heard<IfsoScore> heard) {
  if (p.data.batches.empty() || p.data.batches.front().is_text())
    fail("ifso scores channels of image models by their labels; it cannot use text");
  count_acts(p, heard);
  at::AutoGradMode grad(true);
  const IfsoScore& how = *heard.front().second;
  const auto dtype = how.wide ? at::kDouble : at::kFloat;
  Probing probing(p.model, dtype, how.all, how.drift);
  std::map<const Layer*, size_t> index;
  for (size_t i = 0; i < probing.layers().size(); ++i) index[probing.layers()[i]] = i;
  for (auto batch : p.data.batches) {
    batch.images = batch.images.to(dtype);
    batch.batch_statistics = true;
    const auto s = how.exact ? by_double_backward(probing, p.model, batch, how)
                             : by_differences(probing, p.model, batch, how);
    for (const auto& [layer, stat] : heard)
      stat->score += s[index.at(layer)].detach().abs().to(at::kDouble).cpu() /
                     static_cast<double>(p.data.batches.size());
  }
}

const Pass kIfsoPass = pass_of<IfsoScore>(Pass::Global, score, Pass::One);

const Pass& IfsoScore::pass() {
  return kIfsoPass;
}

class Ifso : public Criterion {
 public:
  static Schema schema() {
    return {key("backend", "fd", "fd: central differences (released code); exact: double backward")
                .one_of({"fd", "exact"}),
            key("dtype", "float32",
                "arithmetic of the scoring passes; float64 is about ten times slower")
                .one_of({"float32", "float64"}),
            key("lambda", 1e-4, "weight decay; it scales all scores alike").range(1e-12, 1),
            key("step", 0.01, "r of the differences").range(1e-9, 1),
            key("delta", "acts", "cost that a channel's score is divided by")
                .one_of({"acts", "flops", "none"}),
            key("normalizer", "sqrt", "how the cost enters").one_of({"sqrt", "linear"}),
            key("direction", "alive_only", "channels that the mask's direction runs through")
                .one_of({"alive_only", "all"}),
            key("singles", "float64",
                "scores of channels that one layer reads; float32: rounded as in the released code")
                .one_of({"float64", "float32"}),
            key("arithmetic", "exact", "in_place: +R, -2R, +R without copies, as the released code")
                .one_of({"exact", "in_place"})};
  }
  explicit Ifso(const Config& c)
      : exact_(c.get<std::string>("backend") == "exact"),
        wide_(c.get<std::string>("dtype") == "float64"),
        lambda_(c.get<double>("lambda")),
        step_(c.get<double>("step")),
        delta_(c.get<std::string>("delta")),
        sqrt_(c.get<std::string>("normalizer") == "sqrt"),
        all_(c.get<std::string>("direction") == "all"),
        rounds_(c.get<std::string>("singles") == "float32"),
        drift_(c.get<std::string>("arithmetic") == "in_place") {
    if (drift_ && (exact_ || wide_))
      fail(
          "{}: arithmetic=in_place is what float32 differences do; it needs backend=fd and "
          "dtype=float32",
          c.path());
  }

  Ranks accepts() const override {
    return {{.weights = false, .nm = false, .units = {"channel"}, .input = Input::Images}};
  }
  Needs needs() const override { return {kind()}; }

  Tensor score(const View& view, const Stats& stats) const override {
    const auto s = stats.get<IfsoScore>(view.layer, kind()).score;
    return s.repeat_interleave(view.layer.columns_per_channel()).unsqueeze(0).to(at::kFloat);
  }

  Tensor units(const Group& group, const Stats& stats) const override {
    auto sum = at::zeros({group.units}, at::kDouble);  // members' S, added after the absolute value
    double acts = 0, flops = 0;
    for (const auto& slice : group.slices) {
      const auto& l = *slice.layer;
      const auto& s = stats.get<IfsoScore>(l, kind());
      if (slice.dim == Slice::In)
        sum += s.score.reshape({group.units, -1}).sum(1);  // a flattened map's pixels together
      else
        acts += s.acts;
      const auto kept = slice.dim == Slice::In ? kept_outputs(l) : kept_inputs(l);
      flops += s.acts * static_cast<double>(kept * l.columns_per_channel());
    }
    const auto readers = std::count_if(group.slices.begin(), group.slices.end(),
                                       [](const Slice& s) { return s.dim == Slice::In; });
    if (rounds_ && readers == 1) sum = sum.to(at::kFloat);
    if (delta_ == "none") return sum;
    const double cost = delta_ == "acts" ? std::max(acts, 1.0) : flops;
    return sum / ((sqrt_ ? std::sqrt(cost) : cost) / (delta_ == "acts" ? 1e6 : 1e9));
  }

 private:
  StatisticKind kind() const {
    return need<IfsoScore>(int(exact_), int(wide_), lambda_, step_, int(all_), int(drift_));
  }
  bool exact_, wide_;
  double lambda_, step_;
  std::string delta_;
  bool sqrt_, all_, rounds_, drift_;
};

BENCH_REGISTER(Criterion, Ifso, "ifso", .doc = "influence-function second-order channel scores",
               .source = "Cheng et al. 2023, arXiv 2308.06755", .year = 2023,
               .data = About::Data::Labelled);

}  // namespace
}  // namespace bench
