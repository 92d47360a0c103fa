// Early-Bird tickets (You et al. 2020, arXiv 1909.11957; GATECH-EIC/Early-Bird-Tickets main.py):
// the mask that pruning would choose is drawn at the end of every epoch of an ordinary training;
// when it is less than `distance` away from each of the masks of the epochs before, it is the
// ticket and training ends. Masks are the trial's own method's: |gamma| of batch norms in the paper
// (criterion=bn_gamma with allocator=global).
#include <deque>

#include "stages/training.h"
#include "walk/pruner.h"

namespace bench {
namespace {

/// What the method would keep of a model that stays as it is: uint8, end to end.
Tensor drawn_mask(Model& model, const Method& how, double target, Calibration& data) {
  at::NoGradGuard no_grad;
  const Restored whole(model);
  const auto removed = prune(model, how, target, data);
  std::vector<Tensor> all;
  for (const auto& r : removed) all.push_back(r.keep.cpu().flatten().to(at::kByte));
  if (removed.empty())
    for (const Layer* l : model.layers())
      if (l->mask.defined()) all.push_back(l->mask.cpu().flatten().to(at::kByte));
  if (all.empty()) fail("stage early_bird: the trial prunes nothing, so that no ticket is drawn");
  return at::cat(all);
}

class EarlyBird : public Stage {
 public:
  static Schema schema() {
    return TrainingSettings::schema() +
           Schema{key("masks", 5,
                      "the newest mask and those of the epochs before that it is held "
                      "against")
                      .range(2, 1000),
                  key("distance", 0.1, "largest share of a mask's entries in which two may differ")
                      .range(0, 1)};
  }
  explicit EarlyBird(const Config& c)
      : how_(c),
        masks_(static_cast<size_t>(c.get<int64_t>("masks"))),
        distance_(c.get<double>("distance")) {}
  Accepts accepts() const override { return {.nm = false, .input = Input::Images}; }
  void check(const Method&) const override { how_.source.check(); }
  std::vector<std::string> files() const override { return {how_.source.file}; }

  void apply(StageContext& c) const override {
    struct Watch : TrainingHook {
      const EarlyBird& of;
      std::deque<Tensor> seen;
      double farthest = -1;  // of the newest mask from the others, once there are enough
      int64_t epochs = 0;
      bool found = false;
      explicit Watch(const EarlyBird& o) : of(o) {}
      bool after_step(Trainer& t, int64_t step) override {
        if ((step + 1) % t.data().steps_per_epoch() != 0) return false;
        Calibration data;
        data.batches = {t.data().batch(step, "score")};
        data.hash = "training";
        const auto now = drawn_mask(t.model(), t.context().method, t.context().target, data);
        ++epochs;
        seen.push_back(now);
        if (seen.size() > of.masks_) seen.pop_front();
        if (seen.size() < of.masks_) return false;
        farthest = 0;
        for (size_t i = 0; i + 1 < seen.size(); ++i)
          farthest = std::max(farthest, seen[i].ne(now).to(at::kDouble).mean().item<double>());
        found = farthest <= of.distance_;
        return found;
      }
      void save(TensorMap& all) const override {
        for (size_t i = 0; i < seen.size(); ++i) all[fmt::format("mask|{:04}", i)] = seen[i];
        all["epochs"] = at::tensor({epochs}, at::kLong);
        all["farthest"] = at::tensor({farthest}, at::kDouble);
      }
      void load(const TensorMap& all) override {
        seen.clear();
        for (const auto& [name, value] : all)
          if (name.starts_with("mask|")) seen.push_back(value.cpu());
        epochs = all.at("epochs").item<int64_t>();
        farthest = all.at("farthest").item<double>();
      }
    } watch(*this);
    Trainer trainer(c, how_);
    const auto steps = trainer.run(&watch);
    if (!c.record) return;
    c.record("steps", static_cast<double>(steps), "steps");
    c.record("early_bird.found", watch.found ? 1 : 0, "1: training ended with a ticket");
    c.record("early_bird.epochs", static_cast<double>(watch.epochs), "epochs");
    if (watch.farthest >= 0) c.record("early_bird.distance", watch.farthest, "share of the mask");
  }

 private:
  TrainingSettings how_;
  size_t masks_;
  double distance_;
};

BENCH_REGISTER(Stage, EarlyBird, "early_bird",
               .doc = "training that ends when the mask to be drawn no longer changes",
               .source = "You et al. 2020, arXiv 1909.11957", .year = 2020,
               .when = About::When::During, .data = About::Data::Labelled,
               .how = About::How::Learned);

}  // namespace
}  // namespace bench
