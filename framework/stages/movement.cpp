// Movement pruning (Sanh, Wolf, Rush 2020, arXiv 2005.07683; huggingface/block_movement_pruning
// @c16ceca emmental/modules/binarizer.py:69-107, masked_run_glue.py): each weight has a score that
// is learned beside it. Forward passes use w M(S); the mask passes gradients on as they are, so
// that dL/dS = dL/d(w M) w: a weight that moves away from zero gains. hard: the highest scores of a
// layer (or of all layers) stay, ever fewer along a cubic ramp. soft: those whose sigmoid is above
// a threshold that rises, while a penalty on the mean of the sigmoids pushes them down; how many
// stay is then the data's choice.
#include <limits>

#include "core/borrowed.h"
#include "data/data.h"
#include "measure/pooled.h"
#include "stages/ramp.h"
#include "stages/text_training.h"

namespace bench {
namespace {

class Movement : public Stage {
 public:
  static Schema schema() {
    return TextTrainingSettings::schema() + Ramp::schema(0.1, 0.7, 1) +
           Schema{key("form", "hard",
                      "hard: the trial's share of the weights goes, those of lowest scores; soft: "
                      "those whose sigmoid is not above `threshold`")
                      .one_of({"hard", "soft"}),
                  key("scope", "layer", "form=hard: scores compete within a layer, or globally")
                      .one_of({"layer", "global"}),
                  key("score_lr", 0.01, "highest learning rate of the scores").range(0, 1000),
                  key("threshold", 0.1, "form=soft: of the sigmoid, at the end of the ramp")
                      .range(0, 1),
                  key("penalty", 10.0,
                      "form=soft: the mean of all sigmoids counts so much in the loss, at the end "
                      "of the ramp")
                      .at_least(0)};
  }
  explicit Movement(const Config& c)
      : how_(c),
        ramp_(c),
        soft_(c.get<std::string>("form") == "soft"),
        global_(c.get<std::string>("scope") == "global"),
        pace_(how_.lr > 0 ? c.get<double>("score_lr") / how_.lr : 0),
        threshold_(c.get<double>("threshold")),
        penalty_(c.get<double>("penalty")) {
    if (how_.lr == 0 || how_.weight_decay > 0)
      fail(
          "{}: lr must be above 0, and weight_decay 0: it would pull the scores to 0, where they "
          "began",
          c.path());
  }
  Accepts accepts() const override {
    return {.nm = false, .units = {}, .input = Input::Text, .use = "pattern=per_layer"};
  }
  void check(const Method&) const override { data_file(how_.file); }
  std::vector<std::string> files() const override { return {how_.file}; }

  void apply(StageContext& c) const override {
    std::vector<Scored> all;
    for (Layer* l : c.model.layers())
      if (l->weight.numel() > 0 && !l->low_rank.u.defined())
        all.push_back({l, at::zeros(l->flat().sizes(), l->weight.options().dtype(at::kFloat)), {}});
    double share = 0;  // of the ramp
    TextTrainer trainer(c, how_, learned(c.model, all), objective(c.model, all, share));
    Borrowed borrowed;
    for (auto& s : all)
      borrowed.lens(*s.layer, [&s](const Layer& l, const Tensor& x) {
        const auto& scores = s.scores;
        // The mask in value, the scores in gradient.
        const auto mask = scores.requires_grad() ? scores - scores.detach() + s.mask : s.mask;
        return at::linear(x, (l.matrix() * mask).to(x.scalar_type()), l.bias);
      });
    const auto total = trainer.steps();
    trainer.run(
        [&](int64_t done) {
          share = ramp_.cubic(std::min(done, ramp_.last(total)), total);
          if (done < ramp_.first(total)) share = 0;
          choose(all, c, share);
        },
        ramp_.last(total));
    borrowed.give_back();
    settle(all, c);
    report(c, trainer);
  }

 private:
  struct Scored {
    Layer* layer;
    Tensor scores;  // float32 [out, in], from 0
    Tensor mask;    // float32: 1 stays
  };

  std::vector<TextTrainer::Learned> learned(Model& model, std::vector<Scored>& scored) const {
    std::vector<TextTrainer::Learned> all;
    for (auto& t : model.tensors())
      if (t.parameter && t.tensor->defined() && t.tensor->numel() > 0)
        all.push_back({t.name, t.tensor});
    for (auto& s : scored) all.push_back({"movement|" + s.layer->name, &s.scores, pace_});
    return all;
  }

  TextTrainer::Objective objective(const Model& model, const std::vector<Scored>& all,
                                   const double& share) const {
    if (!soft_) return {};
    return [&, this](const std::vector<const TrainingRow*>& rows) {
      auto sum = at::zeros({}, at::kFloat).to(all.front().scores.device());
      for (const auto& s : all) sum = sum + s.scores.sigmoid().mean();
      return response_loss(model, rows) +
             sum * (penalty_ * share / static_cast<double>(all.size()));
    };
  }

  /// What is gone already ranks below everything.
  static Tensor ranked(const Scored& s) {
    const auto scores = s.scores.detach();
    if (!s.layer->mask.defined()) return scores;
    return scores.masked_fill(~s.layer->mask, -std::numeric_limits<float>::infinity());
  }

  void choose(std::vector<Scored>& all, const StageContext& c, double share) const {
    std::vector<int64_t> gone(all.size(), -1);
    if (global_ && !soft_) {
      int64_t weights = 0;
      for (const auto& s : all) weights += s.scores.numel();
      gone = lowest_of_all(
          all.size(), [&](size_t i) { return ranked(all[i]); },
          removed_weights(weights, c.target * share));
    }
    for (size_t i = 0; i < all.size(); ++i) {
      auto& s = all[i];
      auto keep = soft_ ? s.scores.detach().sigmoid() > threshold_ * share
                        : select(ranked(s), Contest::Layer, c.target * share, gone[i]);
      if (s.layer->mask.defined()) keep = keep & s.layer->mask;
      s.mask = keep.to(at::kFloat);
    }
  }

  static void settle(std::vector<Scored>& all, const StageContext& c) {
    double kept = 0, weights = 0;
    for (auto& s : all) {
      s.layer->set_mask(s.mask > 0);
      kept += s.mask.sum().item<double>();
      weights += static_cast<double>(s.mask.numel());
    }
    if (c.record) c.record("movement.removed", 1 - kept / weights, "share");
  }

  TextTrainingSettings how_;
  Ramp ramp_;
  bool soft_, global_;
  double pace_, threshold_, penalty_;
};

BENCH_REGISTER(Stage, Movement, "movement",
               .doc = "fine-tuning that learns a score of every weight by how the weight moves",
               .source = "Sanh et al. 2020, arXiv 2005.07683", .year = 2020,
               .when = About::When::During, .data = About::Data::Unlabelled,
               .how = About::How::Learned);

}  // namespace
}  // namespace bench
