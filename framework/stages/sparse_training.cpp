// Pruning while training. GMP (Zhu and Gupta 2017, arXiv 1710.01878): a cubic ramp of the trial's
// own criterion. RigL (Evci et al. 2020, arXiv 1911.11134; google-research/rigl@d39fc7d
// sparse_optimizers_base.py:264-327) and SET (Mocanu et al. 2018, arXiv 1707.04780): sparse from
// the start; every so often the smallest weights of a layer go and as many others come, by the
// dense gradient or by chance.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "kernels/philox.h"
#include "stages/ramp.h"
#include "stages/training.h"
#include "walk/pruner.h"

namespace bench {
namespace {

/// Training data for criteria that need some: batches of the stream "score".
Calibration score_data(const Trainer& t, int64_t step) {
  Calibration c;
  c.batches = {t.data().batch(step, "score")};
  c.hash = "training";
  return c;
}

class Gmp : public Stage {
 public:
  static Schema schema() { return TrainingSettings::schema() + Ramp::schema(); }
  explicit Gmp(const Config& c) : how_(c), window_(c) {}
  /// n:m patterns have no ramp.
  Accepts accepts() const override {
    return {.nm = false, .input = Input::Images, .use = "stage=train behind the pruning"};
  }
  void check(const Method&) const override { how_.source.check(); }
  std::vector<std::string> files() const override { return {how_.source.file}; }
  void apply(StageContext& c) const override {
    struct Mover : TrainingHook {
      const Ramp& window;
      explicit Mover(const Ramp& w) : window(w) {}
      void before_step(Trainer& t, int64_t step) override {
        if (!window.moves(step, t.total())) return;
        auto data = score_data(t, step);
        prune(t.model(), t.context().method, t.context().target * window.cubic(step, t.total()),
              data);
        t.masks_changed();
      }
    } mover(window_);
    Trainer trainer(c, how_);
    trainer.run(&mover);
    auto data = score_data(trainer, trainer.total());
    prune(c.model, c.method, c.target, data);  // where the window ends between two moves
    if (c.record) c.record("train_loss", trainer.last_loss(), "nats");
  }

 private:
  TrainingSettings how_;
  Ramp window_;
};

/// Drop and grow of one layer; both keep the count of weights.
class Moves : public TrainingHook {
 public:
  Moves(const Ramp& window, double fraction, bool by_gradient, uint64_t seed)
      : window_(window), fraction_(fraction), by_gradient_(by_gradient), seed_(seed) {}

  void before_step(Trainer& t, int64_t step) override {
    if (step == 0 || step == window_.first(t.total()) || !window_.moves(step, t.total())) return;
    at::NoGradGuard no_grad;
    const double share =
        fraction_ / 2 * (1 + std::cos(std::numbers::pi * window_.share(step, t.total())));
    std::vector<Tensor> gradients;
    if (by_gradient_) gradients = t.weight_gradients(t.data().batch(step, "train"));
    const auto layers = t.model().layers();
    for (size_t i = 0; i < layers.size(); ++i)
      if (layers[i]->mask.defined())
        move(t, *layers[i], by_gradient_ ? gradients[i].flatten(1).abs() : chance(*layers[i], step),
             share);
    t.masks_changed();
  }

 private:
  Tensor chance(const Layer& l, int64_t step) const {
    auto u = at::empty({l.weight.numel()}, at::kDouble);
    kernels::fill_uniform({seed_, kernels::fnv1a(l.weight_name()), kernels::Purpose::Training},
                          step * l.weight.numel(), u.numel(), u.mutable_data_ptr<double>());
    return u.reshape(l.flat().sizes()).to(l.weight.device(), at::kFloat);
  }

  static void move(Trainer& t, Layer& l, const Tensor& growth, double share) {
    constexpr float kNever = std::numeric_limits<float>::infinity();
    const auto before = l.mask;
    const auto alive = before.sum().item<int64_t>();
    const auto count = removed_weights(alive, share);
    if (count == 0 || alive == before.numel()) return;
    // The dead rank below everything and are dropped again; then the count smallest of the living.
    const auto size = l.matrix().abs().masked_fill(~before, -kNever);
    const auto stay = select(size, Contest::Layer, 0, before.numel() - alive + count);
    const auto wish = (-growth).masked_fill(stay, kNever);  // the lowest are the ones that grow
    const auto grown = ~select(wish, Contest::Layer, 0, count) & ~stay;
    l.mask = stay | grown;
    const auto fresh = grown & ~before;  // what was dropped and grows again keeps its value
    l.weight = l.weight.masked_fill((fresh | ~l.mask).reshape(l.weight.sizes()), 0);
    t.forget(l, fresh);
  }

  Ramp window_;
  double fraction_;
  bool by_gradient_;
  uint64_t seed_;
};

template <bool kByGradient>
class Dynamic : public Stage {
 public:
  static Schema schema() {
    return TrainingSettings::schema() + Ramp::schema() +
           Schema{key("fraction", 0.3,
                      "share of a layer's weights that moves at first; it falls to "
                      "0 as a cosine")
                      .range(0, 1)};
  }
  explicit Dynamic(const Config& c) : how_(c), window_(c), fraction_(c.get<double>("fraction")) {}
  Accepts accepts() const override { return {.nm = false, .units = {}, .input = Input::Images}; }
  void check(const Method&) const override { how_.source.check(); }
  std::vector<std::string> files() const override { return {how_.source.file}; }
  void apply(StageContext& c) const override {
    auto& model = c.model;
    const auto layers = model.layers();
    const bool dense = std::none_of(layers.begin(), layers.end(),
                                    [](const Layer* l) { return l->mask.defined(); });
    Trainer trainer(c, how_);
    if (dense) {  // sparse from the start, by the trial's criterion and allocator
      auto data = score_data(trainer, 0);
      prune(model, c.method, c.target, data);
    }
    Moves moves(window_, fraction_, kByGradient, how_.seed);
    trainer.run(&moves);
    if (c.record) c.record("train_loss", trainer.last_loss(), "nats");
  }

 private:
  TrainingSettings how_;
  Ramp window_;
  double fraction_;
};
using RigL = Dynamic<true>;
using Set = Dynamic<false>;

BENCH_REGISTER(Stage, Gmp, "gmp", .doc = "training under a cubic ramp of the trial's own pruning",
               .source = "Zhu and Gupta 2017, arXiv 1710.01878", .year = 2017,
               .when = About::When::During, .data = About::Data::Labelled,
               .how = About::How::Learned);
BENCH_REGISTER(Stage, RigL, "rigl",
               .doc = "sparse training: smallest weights go, largest gradients come",
               .source = "Evci et al. 2020, arXiv 1911.11134", .year = 2020,
               .when = About::When::During, .data = About::Data::Labelled,
               .how = About::How::Learned);
BENCH_REGISTER(Stage, Set, "set",
               .doc = "sparse training: smallest weights go, others come by chance",
               .source = "Mocanu et al. 2018, arXiv 1707.04780", .year = 2018,
               .when = About::When::During, .data = About::Data::Labelled,
               .how = About::How::Learned);

}  // namespace
}  // namespace bench
