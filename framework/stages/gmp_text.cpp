// Gradual pruning of language models while they are fine-tuned: the cubic ramp of Zhu and Gupta
// 2017 (arXiv 1710.01878) with the trial's own criterion, as the field runs it on transformers
// (Kurtic et al. 2022, arXiv 2203.07259: oBERT's and GMP*'s schedule).
#include "data/data.h"
#include "stages/ramp.h"
#include "stages/text_training.h"
#include "walk/pruner.h"

namespace bench {
namespace {

class GmpText : public Stage {
 public:
  static Schema schema() { return TextTrainingSettings::schema() + Ramp::schema(0, 0.75, 10); }
  explicit GmpText(const Config& c) : how_(c), ramp_(c) {}
  /// n:m patterns have no ramp.
  Accepts accepts() const override {
    return {
        .nm = false, .units = {}, .input = Input::Text, .use = "stage=finetune behind the pruning"};
  }
  void check(const Method&) const override { data_file(how_.file); }
  std::vector<std::string> files() const override { return {how_.file}; }
  void apply(StageContext& c) const override {
    std::vector<TextTrainer::Learned> learned;
    for (auto& t : c.model.tensors())
      if (t.parameter && t.tensor->defined() && t.tensor->numel() > 0)
        learned.push_back({t.name, t.tensor});
    TextTrainer trainer(c, how_, learned);
    const auto total = trainer.steps();
    const auto remove = [&](int64_t done, double target) {
      auto data = trainer.rows_of(std::min(done, total - 1));
      prune(c.model, c.method, target, data);
    };
    trainer.run(
        [&](int64_t done) {
          if (done >= ramp_.last(total))
            remove(done, c.target);  // also where the window ends between two moves
          else if (ramp_.moves(done, total))
            remove(done, c.target * ramp_.cubic(done, total));
          for (Layer* l : c.model.layers())
            if (l->mask.defined()) l->set_matrix(l->flat());
        },
        ramp_.last(total));
    report(c, trainer);
  }

 private:
  TextTrainingSettings how_;
  Ramp ramp_;
};

BENCH_REGISTER(Stage, GmpText, "gmp_text",
               .doc = "fine-tuning of a language model under a cubic ramp of the trial's pruning",
               .source = "Zhu and Gupta 2017, arXiv 1710.01878", .year = 2017,
               .when = About::When::During, .data = About::Data::Unlabelled,
               .how = About::How::Learned);

}  // namespace
}  // namespace bench
