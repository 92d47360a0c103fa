// Fine-tuning of an encoder with a head for classes on labelled texts, masks obeyed, or learned by
// movement. Defaults: the script of BERT (Devlin et al. 2019, arXiv 1810.04805, A.3): AdamW, 3
// epochs, batch 32, 2e-5, linear warm-up over a tenth of the steps and linear decay.
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>

#include "base/digest.h"
#include "base/error.h"
#include "core/stage.h"
#include "data/data.h"
#include "data/labelled_text.h"
#include "kernels/philox.h"
#include "stages/masters.h"
#include "stages/movement.h"
#include "stages/saved_state.h"
#include "tensor/adamw.h"
#include "tensor/rows.h"
#include "walk/sparsity.h"

namespace bench {
namespace {

/// The loop of both stages: AdamW, the rate falling linearly behind a warm-up, in epochs that are
/// permutations.
class ClassesTraining {
 public:
  static Schema schema() {
    return LabelledSource::keys() +
           Schema{key("epochs", 3.0, "passes over the data").range(0, 1000),
                  key("batch", 32, "documents a step").range(1, 4096),
                  key("lr", 2e-5, "highest learning rate").range(0, 1),
                  key("weight_decay", 0.01, "of AdamW").range(0, 1),
                  key("warmup", 0.1, "share of the steps in which the rate rises").range(0, 1),
                  key("seed", 0, "of the order of the documents").at_least(0),
                  key("save_every", 0, "steps between two saved states; 0: none")
                      .at_least(0)
                      .without_identity()};
  }
  explicit ClassesTraining(const Config& c)
      : source(LabelledSource::from(c)),
        epochs_(c.get<double>("epochs")),
        lr_(c.get<double>("lr")),
        decay_(c.get<double>("weight_decay")),
        warmup_(c.get<double>("warmup")),
        batch_(c.get<int64_t>("batch")),
        seed_(static_cast<uint64_t>(c.get<int64_t>("seed"))),
        save_every_(c.get<int64_t>("save_every")) {}

  /// `name`: for the key of a saved state and for what is recorded; movement: null, or scores that
  /// are learned beside the parameters, as fast as `settings` says.
  void run(StageContext& c, const std::string& name, MovementScores* movement = nullptr,
           double score_lr = 0, const std::string& settings = "") const {
    require(static_cast<bool>(c.tokenizer), "a stage on text gets a tokenizer");
    SingleThread alone;
    at::NoGradGuard no_grad;
    const auto data = source.read(*c.tokenizer(), c.model.max_length());
    Masters masters;
    auto learned = parameters(c.model);
    for (auto& p : learned) masters.hold(*p.value);
    if (movement)
      for (auto& l : movement->learned())
        learned.push_back({l.name, l.scores, {}, {}, lr_ > 0 ? score_lr / lr_ : 0, 0});
    const auto n = static_cast<int64_t>(data.size()), per_epoch = (n + batch_ - 1) / batch_;
    const auto total = std::llround(epochs_ * static_cast<double>(per_epoch));
    const auto key = sha256_hex(fmt::format("{}|{}|{}|{}|{}|{}|{}|{}|{}|{}{}", name, hash_of(data),
                                            epochs_, lr_, decay_, warmup_, batch_, seed_,
                                            weight_hash(c.model), mask_hash(c.model), settings));
    double loss = 0;
    auto done = load(c, key, learned);
    if (movement) movement->choose(done, total);
    while (done < total) {
      std::vector<const LabelledSequence*> rows;
      const auto order = order_of(done / per_epoch, n);
      const auto from = done % per_epoch * batch_;
      for (auto i = from; i < std::min(from + batch_, n); ++i)
        rows.push_back(&data[order[static_cast<size_t>(i)]]);
      loss = step(c.model, labelled_batch(rows), learned, rate(done, total), done, movement);
      ++done;
      if (movement) movement->choose(done, total);
      if (c.progress) c.progress(done, total);
      if (save_every_ > 0 && done % save_every_ == 0 && done < total) save(c, key, learned, done);
    }
    if (c.record && total > 0) c.record(name + ".last_loss", loss, "nats");
    remove_state(c.state_file);
  }

  LabelledSource source;

 private:
  struct Parameter {
    std::string name;
    Tensor* value;
    Tensor first, second;
    double pace = 1;  // its rate is this times the settings'
    double decays = 1;
  };

  static std::vector<Parameter> parameters(Model& model) {
    std::vector<Parameter> all;
    for (auto& t : model.tensors())
      if (t.parameter && t.tensor->defined() && t.tensor->numel() > 0)
        all.push_back({t.name, t.tensor, {}, {}});
    return all;
  }

  std::vector<size_t> order_of(int64_t epoch, int64_t rows) const {
    std::vector<double> u(static_cast<size_t>(rows));
    kernels::fill_uniform({seed_, kernels::fnv1a("labelled order"), kernels::Purpose::Training},
                          epoch * rows, rows, u.data());
    std::vector<size_t> order(u.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return u[a] < u[b]; });
    return order;
  }

  double rate(int64_t step, int64_t total) const {
    const auto at = static_cast<double>(step), all = static_cast<double>(total);
    const double rise = std::floor(warmup_ * all);
    return at < rise ? lr_ * at / rise : lr_ * (all - at) / std::max(1.0, all - rise);
  }

  double step(Model& model, const Batch& batch, std::vector<Parameter>& learned, double rate,
              int64_t index, const MovementScores* movement) const {
    std::vector<Tensor> leaves, gradients;
    for (auto& p : learned) leaves.push_back(*p.value = p.value->detach().requires_grad_());
    double loss = 0;
    {
      at::AutoGradMode grad(true);
      auto l = model.loss(batch);
      if (movement)
        if (const auto more = movement->penalty(); more.defined()) l = l + more;
      loss = l.item<double>();
      if (!std::isfinite(loss))
        fail("training: the loss is no number at step {}; a smaller lr may help", index);
      gradients = torch::autograd::grad({l}, leaves, {}, {}, false, true);
    }
    for (size_t i = 0; i < learned.size(); ++i) {
      auto& p = learned[i];
      auto w = p.value->detach();
      if (gradients[i].defined()) {
        w = w.clone();
        AdamW{0.9, 0.999, decay_ * p.decays}(w, p.first, p.second, gradients[i], rate * p.pace,
                                             index);
      }
      *p.value = w;
    }
    for (Layer* l : model.layers())
      if (l->mask.defined()) l->set_matrix(l->flat());
    return loss;
  }

  static void save(const StageContext& c, const std::string& key,
                   const std::vector<Parameter>& learned, int64_t done) {
    SavedState state{done, {}, {}};
    for (const auto& p : learned) {
      state.tensors["value|" + p.name] = *p.value;
      state.tensors["first|" + p.name] = p.first;
      state.tensors["second|" + p.name] = p.second;
    }
    save_state(c.state_file, key, state);
  }

  static int64_t load(const StageContext& c, const std::string& key,
                      std::vector<Parameter>& learned) {
    const auto state = load_state(c.state_file, key, {});
    if (!state) return 0;
    for (auto& p : learned) {
      if (const auto v = state->find("value|" + p.name, c.device); v.defined()) *p.value = v;
      p.first = state->find("first|" + p.name, c.device);
      p.second = state->find("second|" + p.name, c.device);
    }
    return state->step;
  }

  double epochs_, lr_, decay_, warmup_;
  int64_t batch_;
  uint64_t seed_;
  int64_t save_every_;
};

class FineTuneClasses : public Stage {
 public:
  static Schema schema() { return ClassesTraining::schema(); }
  explicit FineTuneClasses(const Config& c) : training_(c) {}
  Accepts accepts() const override { return {.input = Input::LabelledText}; }
  void check(const Method&) const override { training_.source.check(); }
  std::vector<std::string> files() const override { return {training_.source.file}; }
  void apply(StageContext& c) const override { training_.run(c, "finetune_classes"); }

 private:
  ClassesTraining training_;
};

/// Movement pruning where it comes from: an encoder on the task that it is fine-tuned for.
class MovementClasses : public Stage {
 public:
  static Schema schema() { return ClassesTraining::schema() + MovementSettings::schema(); }
  explicit MovementClasses(const Config& c)
      : training_(c), movement_(c), settings_("|" + to_json(c.value())) {}
  Accepts accepts() const override {
    return {.nm = false, .units = {}, .input = Input::LabelledText, .use = "pattern=per_layer"};
  }
  void check(const Method&) const override { training_.source.check(); }
  std::vector<std::string> files() const override { return {training_.source.file}; }
  void apply(StageContext& c) const override {
    at::NoGradGuard no_grad;
    MovementScores scores(c.model, movement_, c.target);
    training_.run(c, "movement_classes", &scores, movement_.score_lr, settings_);
    const double removed = scores.settle();
    if (c.record) c.record("movement.removed", removed, "share");
  }

 private:
  ClassesTraining training_;
  MovementSettings movement_;
  std::string settings_;
};

BENCH_REGISTER(Stage, FineTuneClasses, "finetune_classes",
               .doc = "all parameters of an encoder on labelled texts, masks obeyed",
               .source = "Devlin et al. 2019, arXiv 1810.04805", .year = 2019,
               .when = About::When::Any, .data = About::Data::Labelled, .how = About::How::Learned);

BENCH_REGISTER(Stage, MovementClasses, "movement_classes",
               .doc = "movement pruning of an encoder while it is fine-tuned on labelled texts",
               .source = "Sanh et al. 2020, arXiv 2005.07683", .year = 2020,
               .when = About::When::During, .data = About::Data::Labelled,
               .how = About::How::Learned);

}  // namespace
}  // namespace bench
