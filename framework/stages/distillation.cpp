#include "stages/distillation.h"

#include "core/borrowed.h"

namespace bench {

Schema Distillation::schema() {
  return {
      key("distill", "none",
          "forward: KL(loaded, pruned) of each token's distribution; reverse: KL(pruned, "
          "loaded)")
          .one_of({"none", "forward", "reverse"}),
      key("temperature", 1.0, "distill: tau, by which logits are divided; the KL counts tau^2")
          .range(0.01, 1000),
      key("labels", 0.0, "distill: what the cross-entropy of the tokens themselves counts")
          .range(0, 1e6),
      key("hidden", 0.0, "what the mean squared distance of hidden states behind each block counts")
          .range(0, 1e9)};
}

Distillation::Distillation(const Config& c)
    : direction(c.get<std::string>("distill")),
      temperature(c.get<double>("temperature")),
      labels(c.get<double>("labels")),
      hidden(c.get<double>("hidden")) {}

namespace {

struct Answer {
  Tensor logits;               // of the predicting rows
  std::vector<Tensor> states;  // behind each block, of the same rows; only where they are compared
};

Answer answer_of(const Model& model, const Responses& r, const at::Device& device, bool states) {
  const auto batch = r.batch.to(device);
  const auto where = r.where.to(device);
  Answer a;
  auto h = model.stem(batch);
  if (at::GradMode::is_enabled()) h = at_least_float(h);  // as Model::body()
  for (int64_t b = 0; b < model.block_count(); ++b) {
    h = model.block(b, h, batch);
    if (states) a.states.push_back(h.index_select(0, where));
  }
  a.logits = model.head(h.index_select(0, where), batch);
  return a;
}

/// The model as it was loaded, without what stages have hung into its layers.
Answer teacher_of(StageContext& c, const Responses& r, bool states) {
  at::NoGradGuard no_grad;
  const Restored student(c.model);
  Borrowed bare;
  for (Layer* l : c.model.layers()) {
    bare.lens(*l, nullptr);
    bare.tap(*l, nullptr);
  }
  c.kept.at("loaded")->restore(c.model);
  return answer_of(c.model, r, c.device, states);
}

}  // namespace

Tensor Distillation::loss(StageContext& c, const std::vector<const TrainingRow*>& rows) const {
  const auto r = responses_of(rows);
  const auto teacher = teacher_of(c, r, hidden > 0);
  const auto student = answer_of(c.model, r, c.device, hidden > 0);
  auto sum = at::zeros({}, student.logits.options());
  if (direction != "none") {
    const auto t = (teacher.logits / temperature).log_softmax(1);
    const auto s = (student.logits / temperature).log_softmax(1);
    const auto& from = direction == "forward" ? t : s;
    const auto& to = direction == "forward" ? s : t;
    sum = sum + (from.exp() * (from - to)).sum(1).mean() * (temperature * temperature);
  }
  if (labels > 0)
    sum = sum + at::cross_entropy_loss(student.logits, r.next.to(student.logits.device())) * labels;
  if (hidden > 0) {
    const auto blocks = static_cast<double>(student.states.size());
    for (size_t b = 0; b < student.states.size(); ++b) {
      if (student.states[b].sizes() != teacher.states[b].sizes())
        fail("training: hidden states have another width than the loaded model's: hidden=0");
      sum = sum + at::mse_loss(student.states[b], teacher.states[b]) * (hidden / blocks);
    }
  }
  return sum;
}

}  // namespace bench
