// LLM-Streamline (Chen et al. 2024, arXiv 2403.19135; RUCKBReasoning/LLM-Streamline@adf50ba
// get_cosine.py:8-20, 40-60): the blocks in a row whose two ends are most alike, by the cosine of
// every token's hidden states. As the authors measure it, what leaves the last block is seen behind
// the final norm. The criterion takes them out; the stage puts the first of them, trained to do
// what all of them did, in their place.
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "base/python_random.h"
#include "core/borrowed.h"
#include "core/criterion.h"
#include "core/stage.h"
#include "measure/passes.h"
#include "tensor/adamw.h"
#include "tensor/rows.h"

namespace bench {
namespace {

/// As many blocks in a row as the target asks for.
struct AlikeRun : Statistic {
  static constexpr const char* kName = "alike_run";
  static const Pass& pass();
  AlikeRun(const Layer&, int normed_) : normed(normed_ != 0) {}
  Values values() const override { return {{"run", at::tensor({first, length})}}; }
  Notes notes() const override { return {{"streamline.similarity", similarity}}; }
  bool normed;
  int64_t first = 0, length = 0;
  std::vector<double> similarity;  // of each run, by its first block: 0 to 1
};

/// Token mean of (1 + cosine) / 2.
double alike(const Tensor& a, const Tensor& b) {
  return at::cosine_similarity(a.to(at::kDouble), b.to(at::kDouble), 1, 1e-8)
      .mul(0.5)
      .add(0.5)
      .mean()
      .item<double>();
}

struct Run {
  int64_t first = -1;
  std::vector<double> similar;  // of each run of that length, by its first block
};

/// Of `length` blocks in a row that may all go, those whose ends are most alike; of equals the
/// first.
Run most_alike(const Model& model, const std::vector<Batch>& sequences, int64_t length, bool normed,
               const std::set<int64_t>& candidates) {
  const auto ends = model.block_count() - length;
  Run run;
  run.similar.assign(static_cast<size_t>(std::max<int64_t>(ends + 1, 0)), 0);
  for (const auto& one : sequences) {
    std::vector<Tensor> states{model.stem(one)};
    for (int64_t b = 0; b < model.block_count(); ++b)
      states.push_back(model.block(b, states.back(), one));
    if (normed) states.back() = model.features(states.back(), one);
    for (size_t i = 0; i < run.similar.size(); ++i)
      run.similar[i] += alike(states[i], states[i + static_cast<size_t>(length)]) /
                        static_cast<double>(sequences.size());
  }
  double most = -std::numeric_limits<double>::infinity();
  for (int64_t i = 0; length > 0 && i < static_cast<int64_t>(run.similar.size()); ++i) {
    bool all = true;  // of the run may go
    for (int64_t b = i; b < i + length; ++b) all = all && candidates.contains(b);
    if (all && run.similar[static_cast<size_t>(i)] > most)
      most = run.similar[static_cast<size_t>(i)], run.first = i;
  }
  return run;
}

void find_run(const Probe& p, Heard<AlikeRun> heard) {
  at::NoGradGuard no_grad;
  if (heard.empty()) return;
  const auto length =
      static_cast<int64_t>(p.target * static_cast<double>(p.groups.size()) * (1 + 1e-12));
  std::set<int64_t> candidates;
  for (const Group* g : p.groups) candidates.insert(g->block);
  const auto run =
      most_alike(p.model, split(p.data.batches), length, heard.front().second->normed, candidates);
  for (const auto& [layer, s] : heard)
    s->first = run.first, s->length = length, s->similarity = run.similar;
}

const Pass kFindRun = pass_of<AlikeRun>(Pass::Global, find_run, Pass::All, /*aimed=*/true);
const Pass& AlikeRun::pass() {
  return kFindRun;
}

class Streamline : public Criterion {
 public:
  static Schema schema() {
    return {key("normed", true,
                "what leaves the last block is compared behind the final norm, as transformers "
                "gives it; false: as it is")};
  }
  explicit Streamline(const Config& c) : normed_(c.get<bool>("normed")) {}
  Ranks accepts() const override {
    return {{.weights = false, .nm = false, .units = {"block"}, .input = Input::Text}};
  }
  Needs needs() const override { return {kind()}; }
  Tensor units(const Group& group, const Stats& stats) const override {
    const auto& run = stats.get<AlikeRun>(*group.slices.front().layer, kind());
    const bool inside =
        run.first >= 0 && group.block >= run.first && group.block < run.first + run.length;
    return at::tensor({inside ? 0.0 : 1.0}, at::kDouble);
  }

 private:
  StatisticKind kind() const { return need<AlikeRun>(int{normed_}); }
  bool normed_;
};

/// `blocks` in a row become one: the first of them, or its MLP alone, trained so that its answer to
/// what the run read is what the run answered (mean squared error over tokens, the authors'
/// mseloss_train.py).
class StreamlineReplace : public Stage {
 public:
  static Schema schema() {
    return {key("blocks", 2, "in a row that become one").range(2, 1000).in("blocks"),
            key("normed", true,
                "what leaves the last block is compared behind the final norm, as transformers "
                "gives it; false: as it is"),
            key("replacement", "block",
                "block: the first of them as a whole; mlp: without its attention")
                .one_of({"block", "mlp"}),
            key("epochs", 5, "passes over the calibration sequences").range(0, 100000),
            key("batch", 4, "sequences of a step").range(1, 4096),
            key("lr", 1e-4, "highest learning rate; cosine to 0").range(0, 10),
            key("weight_decay", 0.001, "of AdamW").range(0, 1),
            key("seed", 0, "of the order of the sequences").at_least(0)};
  }
  explicit StreamlineReplace(const Config& c)
      : blocks_(c.get<int64_t>("blocks")),
        epochs_(c.get<int64_t>("epochs")),
        batch_(c.get<int64_t>("batch")),
        seed_(c.get<int64_t>("seed")),
        rate_(c.get<double>("lr")),
        normed_(c.get<bool>("normed")),
        kind_(c.get<std::string>("replacement")),
        adam_{0.9, 0.999, c.get<double>("weight_decay")} {}
  Accepts accepts() const override { return {.input = Input::Text}; }
  bool calibrates() const override { return true; }

  void apply(StageContext& c) const override {
    SingleThread alone;
    at::NoGradGuard no_grad;
    auto& model = c.model;
    const auto data = c.calibration();
    if (data.batches.empty()) fail("stage streamline_replace: needs calibration data");
    const auto sequences = split(data.batches);
    std::set<int64_t> there;
    for (const auto& g : model.groups("block")) there.insert(g.block);
    const auto run = most_alike(model, sequences, blocks_, normed_, there);
    if (run.first < 0)
      fail("stage streamline_replace: the model has no {} blocks in a row that are whole", blocks_);
    const auto lessons = lessons_of(model, sequences, run.first);
    for (const auto& g : model.groups("block"))
      if (g.block > run.first && g.block < run.first + blocks_)
        shrink(g, at::zeros({g.units}, at::kBool));
    if (kind_ == "mlp")
      for (const auto& g : model.groups("attention"))
        if (g.block == run.first) shrink(g, at::zeros({g.units}, at::kBool));
    const double before = error_of(model, run.first, lessons);
    train(c, run.first, lessons);
    if (!c.record) return;
    c.record("streamline.first", static_cast<double>(run.first), "block");
    c.record("streamline.similarity", run.similar[static_cast<size_t>(run.first)], "0 to 1");
    c.record("streamline.error_before", before, "mean squared error");
    c.record("streamline.error_after", error_of(model, run.first, lessons), "mean squared error");
  }

 private:
  struct Lesson {
    Batch batch;
    Tensor input, answer;
  };
  struct Learned {
    Tensor* place;
    Tensor value, first, second, mask;
  };

  std::vector<Lesson> lessons_of(const Model& model, const std::vector<Batch>& sequences,
                                 int64_t first) const {
    std::vector<Lesson> all;
    for (const auto& one : sequences) {
      auto hidden = model.stem(one);
      for (int64_t b = 0; b < first; ++b) hidden = model.block(b, hidden, one);
      const auto input = hidden;
      for (int64_t b = first; b < first + blocks_; ++b) hidden = model.block(b, hidden, one);
      all.push_back({one, input, hidden});
    }
    return all;
  }

  static double error_of(const Model& model, int64_t block, const std::vector<Lesson>& lessons) {
    double sum = 0, entries = 0;
    for (const auto& l : lessons) {
      const auto off = model.block(block, l.input, l.batch) - l.answer;
      sum += off.to(at::kDouble).square().sum().item<double>();
      entries += static_cast<double>(off.numel());
    }
    return sum / entries;
  }

  /// Weights, biases and norms of the block, or of its MLP.
  std::vector<Learned> learned_of(Model& model, int64_t block) const {
    std::vector<Learned> all;
    std::set<const Tensor*> seen;
    const auto add = [&](Tensor& t, const Tensor& mask) {
      if (t.defined() && t.is_floating_point() && t.numel() > 0 && seen.insert(&t).second)
        all.push_back({&t, at_least_float(t.detach()).clone(), {}, {}, mask});
    };
    for (auto& g : model.groups(kind_)) {
      if (g.block != block) continue;
      for (const auto& s : g.slices) {
        add(s.layer->weight,
            s.layer->mask.defined() ? s.layer->mask.reshape(s.layer->weight.sizes()) : Tensor());
        add(s.layer->bias, {});
      }
      for (const auto& f : g.followers) add(*f.values, {});
    }
    return all;
  }

  void train(StageContext& c, int64_t block, const std::vector<Lesson>& lessons) const {
    auto learned = learned_of(c.model, block);
    const auto count = static_cast<int64_t>(lessons.size());
    const auto steps = epochs_ * ((count + batch_ - 1) / batch_);
    std::vector<size_t> order(lessons.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    PythonRandom random(static_cast<uint64_t>(seed_));
    int64_t step = 0;
    for (int64_t epoch = 0; epoch < epochs_; ++epoch) {
      random.shuffle(order);
      for (int64_t at = 0; at < count; at += batch_, ++step) {
        std::vector<const Lesson*> together;
        for (int64_t i = at; i < std::min(at + batch_, count); ++i)
          together.push_back(&lessons[order[static_cast<size_t>(i)]]);
        const double done = static_cast<double>(step) / static_cast<double>(steps);
        learn(c.model, block, together, learned, rate_ / 2 * (1 + std::cos(M_PI * done)), step);
        if (c.progress) c.progress(step + 1, steps);
      }
    }
    for (auto& l : learned) *l.place = l.value.to(l.place->scalar_type());
  }

  void learn(const Model& model, int64_t block, const std::vector<const Lesson*>& together,
             std::vector<Learned>& learned, double rate, int64_t step) const {
    std::vector<Tensor> sums(learned.size());
    for (const auto* lesson : together) {  // sequence by sequence: as they were measured
      at::AutoGradMode grad(true);
      Borrowed borrowed;
      std::vector<Tensor> leaves;
      for (auto& l : learned) {
        leaves.push_back(l.value.detach().requires_grad_());
        borrowed.tensor(*l.place) = leaves.back();
      }
      const auto found = model.block(block, lesson->input.detach().requires_grad_(), lesson->batch);
      const auto g =
          torch::autograd::grad({at::mse_loss(found, lesson->answer)}, leaves, {}, {}, false, true);
      for (size_t i = 0; i < g.size(); ++i)
        if (g[i].defined()) sums[i] = sums[i].defined() ? sums[i] + g[i] : g[i];
    }
    at::NoGradGuard no_grad;
    for (size_t i = 0; i < learned.size(); ++i) {
      if (!sums[i].defined()) continue;
      auto& l = learned[i];
      adam_(l.value, l.first, l.second, sums[i] / static_cast<double>(together.size()), rate, step);
      if (l.mask.defined()) l.value = l.value * l.mask;
    }
  }

  int64_t blocks_, epochs_, batch_, seed_;
  double rate_;
  bool normed_;
  std::string kind_;  // of the group that stays: "block" or "mlp"
  AdamW adam_;
};

BENCH_REGISTER(Stage, StreamlineReplace, "streamline_replace",
               .doc = "blocks in a row become one that is trained to do what they did",
               .source = "Chen et al. 2024, arXiv 2403.19135", .year = 2024,
               .data = About::Data::Unlabelled, .how = About::How::Learned,
               .fusion = "distillation");

BENCH_REGISTER(Criterion, Streamline, "streamline",
               .doc = "blocks in a row whose ends are most alike, by the cosine of all tokens",
               .source = "Chen et al. 2024, arXiv 2403.19135", .year = 2024,
               .data = About::Data::Unlabelled, .how = About::How::Searched);

}  // namespace
}  // namespace bench
