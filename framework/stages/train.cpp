// Stages that train, recalibrate, and go back: what every recipe of pruning is made of.
#include <cmath>

#include "formats/drawn.h"
#include "data/images.h"
#include "stages/training.h"

namespace bench {
namespace {

void images_only(const StageContext& c, const char* name) {
  if (c.model.input() != Input::Images)
    fail("stage {}: trains networks of images; this one reads text (stage=lora, finetune)", name);
}

class Train : public Stage {
 public:
  static Schema schema() {
    return TrainingSettings::schema() +
           Schema{key("keep_at", -1,
                      "step whose weights a later rewind goes back to; -1: none; as `keep_as`"),
                  key("keep_as", "early", "the name of what is kept")};
  }
  explicit Train(const Config& c)
      : how_(c), keep_at_(c.get<int64_t>("keep_at")), keep_as_(c.get<std::string>("keep_as")) {}
  Accepts accepts() const override { return {.input = Input::Images}; }
  void check(const Method&) const override { how_.source.check(); }
  std::vector<std::string> files() const override { return {how_.source.file}; }
  void apply(StageContext& c) const override {
    images_only(c, "train");
    struct Keeper : TrainingHook {
      StageContext& c;
      int64_t at;
      std::string as;
      std::map<std::string, Tensor> early;
      Keeper(StageContext& context, int64_t step, std::string name)
          : c(context), at(step), as(std::move(name)) {}
      void before_step(Trainer& t, int64_t step) override {
        if (step != at) return;
        for (const auto& n : t.model().tensors())
          if (n.tensor->defined()) early[n.name] = n.tensor->detach().clone();
        put(t.model());
      }
      void put(Model& m) {
        const Restored now(m);
        for (auto& n : m.tensors())
          if (const auto it = early.find(n.name); it != early.end()) *n.tensor = it->second;
        c.kept[as] = std::make_shared<const Snapshot>(m);
      }
      void save(TensorMap& all) const override {
        for (const auto& [name, value] : early) all["early|" + name] = value;
      }
      void load(const TensorMap& all) override {
        for (const auto& [name, value] : all)
          if (name.starts_with("early|")) early[name.substr(6)] = value;
        if (!early.empty()) put(c.model);
      }
    } keeper(c, keep_at_, keep_as_);
    Trainer trainer(c, how_);
    const auto steps = trainer.run(&keeper);
    if (c.record) {
      c.record("steps", static_cast<double>(steps), "steps");
      c.record("train_loss", trainer.last_loss(), "nats");
    }
  }

 private:
  TrainingSettings how_;
  int64_t keep_at_;
  std::string keep_as_;
};

/// Weights (and running statistics) as they once were, masks as they are now (Frankle and Carbin
/// 2019, arXiv 1803.03635; open_lth pruning/sparse_global.py).
class Rewind : public Stage {
 public:
  static Schema schema() {
    return {key("to", "loaded", "what is gone back to: loaded, or a name that a stage kept")};
  }
  explicit Rewind(const Config& c) : to_(c.get<std::string>("to")) {}
  void apply(StageContext& c) const override {
    const auto it = c.kept.find(to_);
    if (it == c.kept.end()) fail("stage rewind: no stage before it kept '{}'", to_);
    std::vector<Tensor> masks;
    for (const Layer* l : c.model.layers()) masks.push_back(l->mask);
    it->second->restore(c.model);
    size_t i = 0;
    for (Layer* l : c.model.layers()) {
      if (masks[i].defined() && masks[i].sizes() != l->flat().sizes())
        fail("stage rewind: {} has another shape by now; a shrunk model cannot go back", l->name);
      l->mask = masks[i++];
      if (l->mask.defined()) l->set_matrix(l->flat());
    }
  }

 private:
  std::string to_;
};

/// Running statistics of batch norms measured anew: the plain mean over the batches.
class BnRecalibrate : public Stage {
 public:
  static Schema schema() {
    return Schema{
               key("file", "vision/cifar10_train2000.bin", "images: shipped in data/, or a path"),
               key("images", 0, "how many, from the first; 0: all").at_least(0),
               key("batch", 128, "images that go through the model together").at_least(2)} +
           ImageSource::keys();
  }
  explicit BnRecalibrate(const Config& c)
      : source_(ImageSource::from(c)),
        images_(c.get<int64_t>("images")),
        batch_(c.get<int64_t>("batch")) {}
  Accepts accepts() const override { return {.input = Input::Images}; }
  void check(const Method&) const override { source_.check(); }
  std::vector<std::string> files() const override { return {source_.file}; }
  void apply(StageContext& c) const override {
    images_only(c, "bn_recalibrate");
    at::NoGradGuard no_grad;
    const auto all = read_images(source_, 0, images_);
    for (auto& t : c.model.tensors())
      if (!t.parameter && t.tensor->defined() && t.name.find(".running_") != std::string::npos)
        *t.tensor = t.tensor->clone();
    int64_t seen = 0;
    for (int64_t at = 0; at + 1 < all.images.size(0); at += batch_) {
      Batch b;
      const auto n = std::min(batch_, all.images.size(0) - at);
      b.images = all.images.narrow(0, at, n).to(c.device);
      b.labels = all.labels.narrow(0, at, n).to(c.device);
      b.batch_statistics = true;
      b.norm_momentum = 1.0 / static_cast<double>(++seen);
      c.model.forward(b);
    }
  }

 private:
  ImageSource source_;
  int64_t images_, batch_;
};

/// Weights drawn anew (He et al. 2015, arXiv 1502.01852: normal, variance 2 / inputs), norms at 1
/// and 0, masks as they are: the pruned architecture from scratch.
class Reinitialize : public Stage {
 public:
  static Schema schema() { return {key("seed", 0, "of the weights").at_least(0)}; }
  explicit Reinitialize(const Config& c) : seed_(static_cast<uint64_t>(c.get<int64_t>("seed"))) {}
  void apply(StageContext& c) const override {
    at::NoGradGuard no_grad;
    for (auto& t : c.model.tensors())
      if (t.tensor->defined() && t.tensor->is_floating_point() &&
          (t.parameter || t.name.find(".running_") != std::string::npos))
        *t.tensor = drawn_tensor(t.name, t.tensor->sizes(), seed_).to(t.tensor->options());
    for (Layer* l : c.model.layers())
      if (l->mask.defined()) l->set_matrix(l->flat());
  }

 private:
  uint64_t seed_;
};

BENCH_REGISTER(Stage, Reinitialize, "reinitialize", .doc = "weights drawn anew, masks as they are",
               .source = "Liu et al. 2019, arXiv 1810.05270", .year = 2019,
               .when = About::When::Any, .how = About::How::Fixed);
BENCH_REGISTER(Stage, Train, "train", .doc = "training or fine-tuning on images with labels",
               .source = "Han et al. 2015, arXiv 1506.02626", .year = 2015,
               .when = About::When::Any, .data = About::Data::Labelled, .how = About::How::Learned);
BENCH_REGISTER(Stage, Rewind, "rewind", .doc = "weights as they once were, masks as they are",
               .source = "Frankle and Carbin 2019, arXiv 1803.03635", .year = 2019,
               .when = About::When::Any, .how = About::How::Fixed);
BENCH_REGISTER(Stage, BnRecalibrate, "bn_recalibrate", .doc = "running statistics measured anew",
               .source = "Li et al. 2020, arXiv 2007.02491", .year = 2020,
               .when = About::When::After, .data = About::Data::Unlabelled);

}  // namespace
}  // namespace bench
