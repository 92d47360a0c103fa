// EBFT (Guo et al. 2024, arXiv 2402.12419; sunggo/EBFT@76ded25 lib/finetune.py:34-100,
// lib/prune_ft.py): block by block, the pruned block is trained to answer what it answered before,
// on inputs from the blocks that were repaired already. With train: vectors only biases and scales
// of norms move: PERP's cheap part (Zimmer et al. 2023, arXiv 2312.15230), block by block.
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/python_random.h"
#include "core/borrowed.h"
#include "core/update.h"
#include "tensor/adamw.h"
#include "tensor/rows.h"

namespace bench {
namespace {

/// A few sequences together: what goes into the block, and what it answered before.
struct Lesson {
  Batch batch;
  Tensor input, answer;
};

/// A tensor of the block while it is trained; mask: undefined where all of it may move.
struct Trained {
  Tensor* place;
  Tensor value, mask, first, second;
};

class Ebft : public Update {
 public:
  static Schema schema() {
    return {
        key("epochs", 10, "over the calibration data").range(0, 100000),
        key("lr", 0.01, "at the start; it falls in a line to 0").range(1e-9, 10),
        key("batch", 8, "sequences of a step").range(1, 100000).in("sequences"),
        key("weight_decay", 0.1, "of AdamW").range(0, 10),
        key("beta1", 0.9, "of AdamW").range(0, 0.99999),
        key("beta2", 0.95, "of AdamW").range(0, 0.99999),
        key("clip", 1.0, "largest norm of a step's gradient over the block; 0: none").range(0, 1e9),
        key("warmup", 0, "steps in which the rate rises from 0").range(0, 1000000).in("steps"),
        key("order", "file", "of the sequences in an epoch").one_of({"file", "shuffled"}),
        key("seed", 0, "of a shuffled order").at_least(0),
        key("train", "all", "all: weights, biases, norms; vectors: biases and norms alone")
            .one_of({"all", "vectors"})};
  }
  explicit Ebft(const Config& c)
      : epochs_(c.get<int64_t>("epochs")),
        batch_(c.get<int64_t>("batch")),
        warmup_(c.get<int64_t>("warmup")),
        seed_(c.get<int64_t>("seed")),
        rate_(c.get<double>("lr")),
        clip_(c.get<double>("clip")),
        shuffled_(c.get<std::string>("order") == "shuffled"),
        vectors_(c.get<std::string>("train") == "vectors"),
        adam_{c.get<double>("beta1"), c.get<double>("beta2"), c.get<double>("weight_decay")} {}

  Accepts accepts() const override { return {.units = {}, .input = Input::Text}; }
  bool of_blocks() const override { return true; }

  void apply(Site& site) const override {
    site.layer.set_matrix(site.layer.matrix().masked_fill(~site.mask, 0));
  }

  void reconstruct(Blocks& here) const override {
    SingleThread alone;
    const auto lessons = lessons_of(here);
    auto trained = trained_of(here);
    const auto count = static_cast<int64_t>(lessons.size());
    const auto steps_each = std::max<int64_t>(count / batch_, 1);
    const auto steps = epochs_ * steps_each;
    std::vector<size_t> order(lessons.size());
    std::iota(order.begin(), order.end(), 0);
    PythonRandom random(static_cast<uint64_t>(seed_));
    int64_t step = 0;
    for (int64_t epoch = 0; epoch < epochs_; ++epoch) {
      if (shuffled_) random.shuffle(order);
      for (int64_t at = 0; at < count; at += batch_, ++step) {
        std::vector<const Lesson*> together;
        for (int64_t i = at; i < std::min(at + batch_, count); ++i)
          together.push_back(&lessons[order[static_cast<size_t>(i)]]);
        learn(here, joined(together), trained, rate_at(step, steps), step);
      }
    }
    for (auto& t : trained) *t.place = t.value.to(t.place->scalar_type());
  }

 private:
  static Tensor block_of(const Blocks& here, Tensor hidden, const Batch& batch) {
    for (int64_t i = here.scope.begin; i < here.scope.end; ++i)
      hidden = here.model.block(i, hidden, batch);
    return hidden;
  }

  /// Sequence by sequence, answers from the blocks before they were pruned.
  static std::vector<Lesson> lessons_of(const Blocks& here) {
    at::NoGradGuard no_grad;
    std::vector<Lesson> all;
    const Snapshot now(here.model);
    here.before.restore(here.model);
    for (size_t b = 0; b < here.data.batches.size(); ++b) {
      const auto& batch = here.data.batches[b];
      const auto ones = split({batch});
      for (int64_t s = 0; s < batch.segments(); ++s) {
        const auto begin = batch.starts[static_cast<size_t>(s)];
        const auto n = batch.starts[static_cast<size_t>(s) + 1] - begin;
        const auto input = here.data.hidden[b].narrow(0, begin, n);
        const auto& one = ones[static_cast<size_t>(s)];
        all.push_back({one, input, block_of(here, input, one)});
      }
    }
    now.restore(here.model);
    return all;
  }

  static Lesson joined(const std::vector<const Lesson*>& lessons) {
    std::vector<Sequence> ids;
    std::vector<Tensor> inputs, answers;
    for (const auto* l : lessons) {
      const auto flat = l->batch.ids.cpu().contiguous();
      ids.emplace_back(flat.const_data_ptr<int64_t>(),
                       flat.const_data_ptr<int64_t>() + flat.numel());
      inputs.push_back(l->input);
      answers.push_back(l->answer);
    }
    return {text_batch(ids).to(inputs.front().device()), at::cat(inputs), at::cat(answers)};
  }

  /// The weights of the blocks' layers, and every vector of the model: those of other blocks have
  /// no gradient and stay.
  std::vector<Trained> trained_of(const Blocks& here) const {
    std::vector<Trained> all;
    if (!vectors_)
      for (const auto& site : here.sites) {
        auto& l = site.layer;
        all.push_back({&l.weight,
                       at_least_float(l.weight.detach()).clone(),
                       l.mask.reshape(l.weight.sizes()),
                       {},
                       {}});
      }
    for (auto& t : here.model.tensors())
      if (t.parameter && t.tensor->defined() && t.tensor->dim() == 1 &&
          at::isFloatingType(t.tensor->scalar_type()))
        all.push_back({t.tensor, at_least_float(t.tensor->detach()).clone(), {}, {}, {}});
    return all;
  }

  double rate_at(int64_t step, int64_t steps) const {
    if (step < warmup_) return rate_ * static_cast<double>(step) / static_cast<double>(warmup_);
    const auto left = static_cast<double>(std::max<int64_t>(steps - step, 0));
    return rate_ * left / static_cast<double>(std::max<int64_t>(steps - warmup_, 1));
  }

  void learn(const Blocks& here, const Lesson& lesson, std::vector<Trained>& trained, double rate,
             int64_t step) const {
    std::vector<Tensor> grads;
    {
      at::AutoGradMode grad(true);
      Borrowed borrowed;
      std::vector<Tensor> leaves;
      for (auto& t : trained) {
        leaves.push_back(t.value.detach().requires_grad_());
        borrowed.tensor(*t.place) = leaves.back();
      }
      // Tiles of rows (tensor/rows.h) are differentiated where their input is.
      const auto input = lesson.input.detach().requires_grad_();
      const auto found = block_of(here, input, lesson.batch);
      grads = torch::autograd::grad({at::mse_loss(found, lesson.answer)}, leaves, {}, {}, false,
                                    /*allow_unused=*/true);
    }
    at::NoGradGuard no_grad;
    double square = 0;
    for (size_t i = 0; i < grads.size(); ++i) {
      if (!grads[i].defined()) continue;
      if (trained[i].mask.defined()) grads[i] = grads[i] * trained[i].mask;
      square += grads[i].square().sum(at::kDouble).item<double>();
    }
    const double shrink = clip_ > 0 ? std::min(1.0, clip_ / (std::sqrt(square) + 1e-6)) : 1;
    for (size_t i = 0; i < grads.size(); ++i)
      if (grads[i].defined())
        adam_(trained[i].value, trained[i].first, trained[i].second, grads[i] * shrink, rate, step);
  }

  int64_t epochs_, batch_, warmup_, seed_;
  double rate_, clip_;
  bool shuffled_, vectors_;
  AdamW adam_;
};

BENCH_REGISTER(Update, Ebft, "ebft",
               .doc = "trains each pruned block to answer what it answered before",
               .source = "Guo et al. 2024, arXiv 2402.12419", .year = 2024,
               .data = About::Data::Unlabelled, .how = About::How::Learned,
               .fusion = "distillation");

}  // namespace
}  // namespace bench
