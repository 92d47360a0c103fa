// Activations that are sparse while the model runs: inputs whose magnitude is at most a threshold
// count as zero, and the weights that would read them need not be fetched. TEAL (Liu et al. 2024,
// arXiv 2408.14690; FasterDecoding/TEAL): the inputs of every linear layer, the same share of each
// or shares found greedily block by block (its algorithm 1). CATS (Lee et al. 2024, arXiv
// 2404.08763): what an MLP's gate gives behind its activation. Thresholds are quantiles over the
// calibration data; the share that is really passed over is measured behind them. No kernel here
// makes use of the zeros, so that nothing is faster.
#include <cmath>

#include "core/borrowed.h"
#include "core/stage.h"
#include "core/thresholds.h"

namespace bench {
namespace {

Thresholded& quiet_model(Model& model, const char* who) {
  auto* all = dynamic_cast<Thresholded*>(&model);
  if (!all || all->thresholds(0).layers.empty())
    fail("stage {}: no layer of this model can pass over small inputs: its family is built by hand",
         who);
  return *all;
}

/// The magnitude at or below which a share of the entries lies, at most: of n entries floor(n
/// share).
Tensor magnitude_at(const Tensor& magnitudes, double share) {
  const auto flat = magnitudes.flatten();
  const auto count = static_cast<int64_t>(static_cast<double>(flat.numel()) * share);
  if (count <= 0) return at::full({}, -1.0F);
  return std::get<0>(at::kthvalue(flat, count)).to(at::kFloat).cpu();
}

/// Magnitudes of what each layer of a block hears, over all sequences; evenly thinned out beyond a
/// few million entries.
std::vector<Tensor> heard_by(Model& model, int64_t block, const std::vector<Layer*>& layers,
                             const std::vector<Tensor>& states,
                             const std::vector<Batch>& sequences) {
  constexpr int64_t kMost = int64_t{1} << 22;
  std::vector<std::vector<Tensor>> parts(layers.size());
  {
    Borrowed borrowed;
    for (size_t i = 0; i < layers.size(); ++i)
      borrowed.tap(*layers[i], [&, i](const Tensor& x, const Tensor&) {
        const auto step =
            std::max<int64_t>(1, x.numel() * static_cast<int64_t>(sequences.size()) / kMost);
        parts[i].push_back(x.abs().flatten().slice(0, 0, x.numel(), step).contiguous());
      });
    for (size_t s = 0; s < sequences.size(); ++s) model.block(block, states[s], sequences[s]);
  }
  std::vector<Tensor> all;
  for (const auto& p : parts) all.push_back(p.empty() ? Tensor() : at::cat(p));
  return all;
}

/// Walks over the blocks with the hidden states that enter each of them, as the model stands.
struct Walked {
  std::vector<Batch> sequences;
  std::vector<Tensor> states;
  Walked(Model& model, const Calibration& data) : sequences(split(data.batches)) {
    for (const auto& one : sequences) states.push_back(model.stem(one));
  }
  void advance(Model& model, int64_t block) {
    for (size_t s = 0; s < states.size(); ++s)
      states[s] = model.block(block, states[s], sequences[s]);
  }
};

/// Of a layer's weights the share that reads zeros: layers by their sizes.
void record_shares(StageContext& c, Thresholded& quiet, const Calibration& data, const char* who) {
  Walked walked(c.model, data);
  double passed = 0, weights = 0, least = 1, most = 0;
  for (int64_t b = 0; b < c.model.block_count(); ++b) {
    const auto t = quiet.thresholds(b);
    const auto heard = heard_by(c.model, b, t.layers, walked.states, walked.sequences);
    for (size_t i = 0; i < t.layers.size(); ++i) {
      if (!heard[i].defined() || heard[i].numel() == 0) continue;
      const auto share = heard[i].eq(0).to(at::kDouble).mean().item<double>();
      const auto size = static_cast<double>(t.layers[i]->weight.numel());
      passed += share * size, weights += size;
      least = std::min(least, share), most = std::max(most, share);
    }
    walked.advance(c.model, b);
  }
  if (!c.record || weights == 0) return;
  c.record(fmt::format("{}.passed_over", who), passed / weights, "share of the weights' reads");
  c.record(fmt::format("{}.least", who), least, "share of a layer's inputs");
  c.record(fmt::format("{}.most", who), most, "share of a layer's inputs");
}

void need_data(const Calibration& data, const char* who) {
  if (data.batches.empty()) fail("stage {}: needs calibration data", who);
}

class Teal : public Stage {
 public:
  static Schema schema() {
    return {
        key("sparsity", 0.5,
            "share of the inputs that count as zero, in each layer or, greedy, "
            "in each block by its layers' sizes")
            .range(0, 1),
        key("shares", "uniform",
            "uniform: the same in every layer; greedy: whichever layer's next step moves the "
            "block's output least goes on")
            .one_of({"uniform", "greedy"}),
        key("step", 0.01, "shares=greedy: what a step adds to a block's share").range(0.001, 1)};
  }
  explicit Teal(const Config& c)
      : share_(c.get<double>("sparsity")),
        step_(c.get<double>("step")),
        greedy_(c.get<std::string>("shares") == "greedy") {}
  Accepts accepts() const override { return {.input = Input::Text}; }
  bool calibrates() const override { return true; }

  void apply(StageContext& c) const override {
    at::NoGradGuard no_grad;
    auto& quiet = quiet_model(c.model, "teal");
    const auto data = c.calibration();
    need_data(data, "teal");
    Walked walked(c.model, data);
    std::vector<Tensor> found;  // thresholds of all blocks: they are set when all are known
    for (int64_t b = 0; b < c.model.block_count(); ++b) {
      const auto t = quiet.thresholds(b);
      const auto heard = heard_by(c.model, b, t.layers, walked.states, walked.sequences);
      const auto shares = greedy_ ? searched(c.model, b, t, heard, walked)
                                  : std::vector<double>(t.layers.size(), share_);
      found.push_back(at_shares(heard, shares));
      walked.advance(c.model, b);
    }
    for (int64_t b = 0; b < c.model.block_count(); ++b)
      *quiet.thresholds(b).values = found[static_cast<size_t>(b)].to(c.device);
    record_shares(c, quiet, data, "teal");
  }

 private:
  static Tensor at_shares(const std::vector<Tensor>& heard, const std::vector<double>& shares) {
    auto all = at::full({static_cast<int64_t>(shares.size()) + 1}, -1.0F);
    for (size_t i = 0; i < shares.size(); ++i)
      if (heard[i].defined() && heard[i].numel() > 0)
        all[static_cast<int64_t>(i)] = magnitude_at(heard[i], shares[i]);
    return all;
  }

  /// Every step takes the same number of weights out of the block: a small layer's share grows
  /// faster.
  std::vector<double> searched(Model& model, int64_t block, const Thresholds& t,
                               const std::vector<Tensor>& heard, const Walked& walked) const {
    std::vector<double> shares(t.layers.size(), 0);
    double weights = 0;
    for (const Layer* l : t.layers) weights += static_cast<double>(l->weight.numel());
    std::vector<Tensor> dense;
    for (size_t s = 0; s < walked.sequences.size(); ++s)
      dense.push_back(model.block(block, walked.states[s], walked.sequences[s]));
    Borrowed borrowed;
    auto& values = borrowed.tensor(*t.values);
    for (double at = 0; at + step_ <= share_ + 1e-9; at += step_) {
      double best = INFINITY;
      std::vector<double> chosen;
      for (size_t i = 0; i < shares.size(); ++i) {
        auto trial = shares;
        trial[i] += step_ * weights / static_cast<double>(t.layers[i]->weight.numel());
        if (trial[i] > 1) continue;
        values = at_shares(heard, trial).to(t.layers[i]->weight.device());
        double error = 0;
        for (size_t s = 0; s < walked.sequences.size(); ++s)
          error += (model.block(block, walked.states[s], walked.sequences[s]) - dense[s])
                       .to(at::kDouble)
                       .square()
                       .sum()
                       .item<double>();
        if (error < best) best = error, chosen = trial;
      }
      if (chosen.empty()) break;
      shares = chosen;
    }
    return shares;
  }

  double share_, step_;
  bool greedy_;
};

class Cats : public Stage {
 public:
  static Schema schema() {
    return {key("sparsity", 0.5, "share of an MLP's inner channels that a token passes over")
                .range(0, 1)};
  }
  explicit Cats(const Config& c) : share_(c.get<double>("sparsity")) {}
  Accepts accepts() const override { return {.input = Input::Text}; }
  bool calibrates() const override { return true; }

  void apply(StageContext& c) const override {
    at::NoGradGuard no_grad;
    auto& quiet = quiet_model(c.model, "cats");
    const auto data = c.calibration();
    need_data(data, "cats");
    Walked walked(c.model, data);
    std::vector<Tensor> found;
    for (int64_t b = 0; b < c.model.block_count(); ++b) {
      found.push_back(gates_of(c.model, quiet, b, walked));
      walked.advance(c.model, b);
    }
    bool any = false;
    for (int64_t b = 0; b < c.model.block_count(); ++b) {
      const auto t = quiet.thresholds(b);
      if (!found[static_cast<size_t>(b)].defined()) continue;
      auto all = at::full({static_cast<int64_t>(t.layers.size()) + 1}, -1.0F);
      all[-1] = magnitude_at(found[static_cast<size_t>(b)], share_);
      *t.values = all.to(c.device);
      any = true;
    }
    if (!any) fail("stage cats: no MLP of this model has a gate; use stage=teal");
    record_shares(c, quiet, data, "cats");
  }

 private:
  /// Magnitudes of all gates' activations; undefined where the block has no gate.
  static Tensor gates_of(Model& model, Thresholded& quiet, int64_t block, const Walked& walked) {
    std::vector<Tensor> rows, all;
    Layer* gate = quiet.thresholds(block).gate;
    if (!gate) return {};
    {
      Borrowed borrowed;
      borrowed.tap(*gate, [&](const Tensor& x, const Tensor&) { rows.push_back(x); });
      for (size_t s = 0; s < walked.sequences.size(); ++s)
        model.block(block, walked.states[s], walked.sequences[s]);
    }
    for (const auto& x : rows)
      all.push_back(quiet.gated(block, x.to(gate->weight.scalar_type())).abs().flatten());
    return all.empty() ? Tensor() : at::cat(all);
  }

  double share_;
};

BENCH_REGISTER(Stage, Teal, "teal",
               .doc = "small inputs of every layer count as zero while the model runs",
               .source = "Liu et al. 2024, arXiv 2408.14690", .year = 2024,
               .when = About::When::Dynamic, .data = About::Data::Unlabelled,
               .how = About::How::Fixed);
BENCH_REGISTER(Stage, Cats, "cats",
               .doc = "small activations of an MLP's gate count as zero while the model runs",
               .source = "Lee et al. 2024, arXiv 2404.08763", .year = 2024,
               .when = About::When::Dynamic, .data = About::Data::Unlabelled,
               .how = About::How::Fixed);

}  // namespace
}  // namespace bench
