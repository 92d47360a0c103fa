#include "stages/movement.h"

#include <limits>

#include "core/pattern.h"
#include "data/data.h"
#include "measure/pooled.h"
#include "stages/text_training.h"

namespace bench {

Schema MovementSettings::schema() {
  return Ramp::schema(0.1, 0.7, 1) +
         Schema{
             key("form", "hard",
                 "hard: the trial's share of the weights goes, those of lowest scores; soft: "
                 "those whose sigmoid is not above `threshold`")
                 .one_of({"hard", "soft"}),
             key("scope", "layer", "form=hard: scores compete within a layer, or globally")
                 .one_of({"layer", "global"}),
             key("score_lr", 0.01, "highest learning rate of the scores").range(0, 1000),
             key("threshold", 0.1, "form=soft: of the sigmoid, at the end of the ramp").range(0, 1),
             key("penalty", 10.0,
                 "form=soft: the mean of all sigmoids counts so much in the loss, at the end of "
                 "the ramp")
                 .at_least(0)};
}

MovementSettings::MovementSettings(const Config& c)
    : ramp(c),
      soft(c.get<std::string>("form") == "soft"),
      global(c.get<std::string>("scope") == "global"),
      score_lr(c.get<double>("score_lr")),
      threshold(c.get<double>("threshold")),
      penalty(c.get<double>("penalty")) {
  if (!(c.get<double>("lr") > 0))
    fail("{}.lr: scores learn by what weights do; it must be above 0", c.path());
}

MovementScores::MovementScores(Model& model, const MovementSettings& how, double target)
    : how_(how), target_(target) {
  for (Layer* l : model.layers())
    if (l->weight.numel() > 0 && !l->low_rank.u.defined())
      all_.push_back({l, at::zeros(l->flat().sizes(), l->weight.options().dtype(at::kFloat)), {}});
  for (auto& s : all_)
    borrowed_.lens(*s.layer, [&s](const Layer& l, const Tensor& x) {
      // The mask in value, the scores in gradient.
      const auto mask = s.scores.requires_grad() ? s.scores - s.scores.detach() + s.mask : s.mask;
      return at::linear(x, (l.matrix() * mask).to(x.scalar_type()), l.bias);
    });
}

std::vector<MovementScores::Learned> MovementScores::learned() {
  std::vector<Learned> all;
  for (auto& s : all_) all.push_back({"movement|" + s.layer->name, &s.scores});
  return all;
}

Tensor MovementScores::penalty() const {
  if (!how_.soft) return {};
  auto sum = at::zeros({}, all_.front().scores.options());
  for (const auto& s : all_) sum = sum + s.scores.sigmoid().mean();
  return sum * (how_.penalty * share_ / static_cast<double>(all_.size()));
}

/// What is gone already ranks below everything.
Tensor MovementScores::ranked(const Scored& s) {
  const auto scores = s.scores.detach();
  if (!s.layer->mask.defined()) return scores;
  return scores.masked_fill(~s.layer->mask, -std::numeric_limits<float>::infinity());
}

void MovementScores::choose(int64_t done, int64_t total) {
  const auto& r = how_.ramp;
  share_ = done < r.first(total) ? 0 : r.cubic(std::min(done, r.last(total)), total);
  const double target = target_ * share_;
  std::vector<int64_t> gone(all_.size(), -1);
  if (how_.global && !how_.soft) {
    int64_t weights = 0;
    for (const auto& s : all_) weights += s.scores.numel();
    gone = lowest_of_all(
        all_.size(), [&](size_t i) { return ranked(all_[i]); }, removed_weights(weights, target));
  }
  for (size_t i = 0; i < all_.size(); ++i) {
    auto& s = all_[i];
    auto keep = how_.soft ? s.scores.detach().sigmoid() > how_.threshold * share_
                          : select(ranked(s), Contest::Layer, target, gone[i]);
    if (s.layer->mask.defined()) keep = keep & s.layer->mask;
    s.mask = keep.to(at::kFloat);
  }
}

double MovementScores::settle() {
  borrowed_.give_back();
  double kept = 0, weights = 0;
  for (auto& s : all_) {
    s.layer->set_mask(s.mask > 0);
    kept += s.mask.sum().item<double>();
    weights += static_cast<double>(s.mask.numel());
  }
  return 1 - kept / weights;
}

namespace {

/// On language models; on encoders: stage=movement_classes.
class Movement : public Stage {
 public:
  static Schema schema() { return TextTrainingSettings::schema() + MovementSettings::schema(); }
  explicit Movement(const Config& c) : how_(c), movement_(c) {
    if (how_.weight_decay > 0)
      fail("{}: weight_decay 0: it would pull the scores to 0, where they began", c.path());
  }
  Accepts accepts() const override {
    return {.nm = false, .units = {}, .input = Input::Text, .use = "pattern=per_layer"};
  }
  void check(const Method&) const override { data_file(how_.file); }
  std::vector<std::string> files() const override { return {how_.file}; }

  void apply(StageContext& c) const override {
    MovementScores scores(c.model, movement_, c.target);
    std::vector<TextTrainer::Learned> learned;
    for (auto& t : c.model.tensors())
      if (t.parameter && t.tensor->defined() && t.tensor->numel() > 0)
        learned.push_back({t.name, t.tensor});
    for (auto& l : scores.learned())
      learned.push_back({l.name, l.scores, movement_.score_lr / how_.lr});
    TextTrainer::Objective longer;
    if (movement_.soft)
      longer = [&](const std::vector<const TrainingRow*>& rows) {
        return response_loss(c.model, rows) + scores.penalty();
      };
    TextTrainer trainer(c, how_, learned, longer);
    const auto total = trainer.steps();
    trainer.run([&](int64_t done) { scores.choose(done, total); }, movement_.ramp.last(total));
    const double removed = scores.settle();
    if (c.record) c.record("movement.removed", removed, "share");
    report(c, trainer);
  }

 private:
  TextTrainingSettings how_;
  MovementSettings movement_;
};

BENCH_REGISTER(Stage, Movement, "movement",
               .doc = "fine-tuning that learns a score of every weight by how the weight moves",
               .source = "Sanh et al. 2020, arXiv 2005.07683", .year = 2020,
               .when = About::When::During, .data = About::Data::Unlabelled,
               .how = About::How::Learned);

}  // namespace
}  // namespace bench
