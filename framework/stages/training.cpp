// The training loop: SGD and AdamW as PyTorch has them (torch/optim/sgd.py, adamw.py), masks obeyed
// after each step, state saved whole or not at all.
#include "stages/training.h"

#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>

#include "base/digest.h"
#include "tensor/rows.h"
#include "measure/sensitivity.h"
#include "tensor/adamw.h"
#include "stages/saved_state.h"
#include "walk/sparsity.h"

namespace bench {
namespace {

constexpr double kNormMomentum = 0.1;  // of running statistics, as everywhere

}  // namespace

Trainer::Trainer(StageContext& context, const TrainingSettings& settings)
    : context_(context), how_(settings), data_(settings, context.device) {
  total_ = how_.steps > 0 ? how_.steps
                          : static_cast<int64_t>(std::llround(
                                how_.epochs * static_cast<double>(data_.steps_per_epoch())));
  key_ = key();
  at::NoGradGuard no_grad;
  for (auto& t : context_.model.tensors()) {
    if (!t.tensor->defined() || !t.tensor->is_floating_point()) continue;
    *t.tensor = t.tensor->detach().clone();
    masters_.hold(*t.tensor);
    if (t.parameter) parameters_.push_back({t.name, t.tensor, {}, {}});
  }
  for (const auto& g : context_.model.groups("channel"))
    for (const auto& f : g.followers)
      if (!f.name.empty()) norm_scales_.push_back(f.name);
}

Trainer::~Trainer() {
  for (auto& p : parameters_) *p.value = p.value->detach();
}

Tensor Trainer::objective(const Batch& batch) const {
  if (how_.distill == 0) return context_.model.loss(batch);
  const auto logits = context_.model.forward(batch);
  if (logits.dim() != 2)
    fail("training: distillation compares classes of whole images; a detector has none: distill=0");
  Tensor teacher;
  {
    at::NoGradGuard no_grad;
    const Restored student(context_.model);
    context_.kept.at("loaded")->restore(context_.model);
    auto plain = batch;
    plain.batch_statistics = false;
    teacher = (context_.model.forward(plain) / how_.temperature).softmax(1);
  }
  const auto log_p = (logits / how_.temperature).log_softmax(1);
  const auto far = (teacher * (teacher.clamp_min(1e-12).log() - log_p)).sum(1).mean() *
                   (how_.temperature * how_.temperature);
  return far * how_.distill + at::cross_entropy_loss(logits, batch.labels) * (1 - how_.distill);
}

void Trainer::update(Parameter& p, const Tensor& gradient, double rate, int64_t index) {
  auto& w = *p.value;
  if (how_.optimizer == "adamw")
    return AdamW{how_.momentum, how_.beta2, how_.weight_decay}(w, p.velocity, p.square, gradient,
                                                               rate, index);
  auto g = how_.weight_decay != 0 ? gradient + w * how_.weight_decay : gradient;
  if (how_.momentum != 0) {
    if (p.velocity.defined())
      p.velocity.mul_(how_.momentum).add_(g);
    else
      p.velocity = g.clone();
    g = how_.nesterov ? g + p.velocity * how_.momentum : p.velocity;
  }
  w.add_(g, -rate);
}

void Trainer::step(int64_t index, TrainingHook* hook) {
  auto batch = data_.batch(index, "train");
  batch.batch_statistics = true;
  batch.norm_momentum = kNormMomentum;
  std::vector<Tensor> leaves, gradients;
  for (auto& p : parameters_) leaves.push_back(*p.value = p.value->detach().requires_grad_());
  {
    at::AutoGradMode grad(true);
    const auto l = objective(batch);
    loss_ = l.item<double>();
    gradients = torch::autograd::grad({l}, leaves, {}, {}, false, true);
  }
  if (!std::isfinite(loss_))
    fail("training: the loss is no number at step {}; a smaller lr may help", index);
  at::NoGradGuard no_grad;
  const double rate = how_.rate(index, total_);
  for (auto& p : parameters_) *p.value = p.value->detach();
  if (hook)
    hook->penalise(*this, [&](const Tensor& parameter, const Tensor& more) {
      for (size_t i = 0; i < parameters_.size(); ++i)
        if (parameters_[i].value == &parameter && gradients[i].defined())
          gradients[i] = gradients[i] + more;
    });
  for (size_t i = 0; i < parameters_.size(); ++i) {
    auto& p = parameters_[i];
    if (!gradients[i].defined()) continue;
    const bool scale = how_.l1_gamma > 0 && std::find(norm_scales_.begin(), norm_scales_.end(),
                                                      p.name) != norm_scales_.end();
    update(p, scale ? gradients[i] + p.value->sign() * how_.l1_gamma : gradients[i], rate, index);
  }
  obey_masks();
}

void Trainer::obey_masks() {
  at::NoGradGuard no_grad;
  for (Layer* l : context_.model.layers())
    if (l->mask.defined()) l->weight.masked_fill_(~l->mask.reshape(l->weight.sizes()), 0);
  for (const auto& r : removed_) mask_followers(r.group, r.keep);
}

void Trainer::masks_changed() {
  removed_.clear();
  const auto& pattern = context_.method.pattern;
  if (pattern.kind != Pattern::Structured) return;
  for (auto& g : prunable_groups(context_.model, pattern)) {
    const auto keep = ~g.gone();
    if (!keep.all().item<bool>()) removed_.push_back({std::move(g), keep});
  }
}

void Trainer::forget(const Layer& layer, const Tensor& entries) {
  at::NoGradGuard no_grad;
  for (auto& p : parameters_)
    if (p.value == &layer.weight)
      for (auto* t : {&p.velocity, &p.square})
        if (t->defined()) t->masked_fill_(entries.reshape(t->sizes()), 0);
}

std::vector<Tensor> Trainer::weight_gradients(const Batch& batch) {
  const WeightLeaves leaves(context_.model, context_.model.layers());
  auto b = batch;
  b.batch_statistics = true;
  return torch::autograd::grad({context_.model.loss(b)}, leaves.all, {}, {}, false, true);
}

int64_t Trainer::run(TrainingHook* hook) {
  SingleThread alone;
  int64_t done = load(hook);
  masks_changed();
  obey_masks();
  for (bool over = false; done < total_ && !over;) {
    if (hook) hook->before_step(*this, done);
    step(done, hook);
    if (hook) over = hook->after_step(*this, done);
    ++done;
    if (context_.progress) context_.progress(done, total_);
    if (how_.save_every > 0 && done % how_.save_every == 0 && !over && done < total_)
      save(done, hook);
  }
  remove_state(context_.state_file);
  return done;
}

std::string Trainer::key() const {
  return sha256_hex(how_.text + "|" + weight_hash(context_.model) + "|" +
                    mask_hash(context_.model));
}

void Trainer::save(int64_t done, const TrainingHook* hook) const {
  SavedState state{done, {{"loss", loss_}}, {}};
  auto& all = state.tensors;
  for (const auto& t : context_.model.tensors()) all["model|" + t.name] = *t.tensor;
  for (const auto& p : parameters_) {
    all["velocity|" + p.name] = p.velocity;
    all["square|" + p.name] = p.square;
  }
  for (const Layer* l : context_.model.layers())
    if (l->mask.defined()) all["mask|" + l->name] = l->mask.to(at::kByte);
  TensorMap more;
  if (hook) hook->save(more);
  for (const auto& [name, value] : more) all["hook|" + name] = value;
  save_state(context_.state_file, key_, state);
}

int64_t Trainer::load(TrainingHook* hook) {
  const auto state = load_state(context_.state_file, key_, {"loss"});
  if (!state) return 0;
  at::NoGradGuard no_grad;
  const auto find = [&](const std::string& name) { return state->find(name, context_.device); };
  for (auto& t : context_.model.tensors())
    if (const auto v = find("model|" + t.name); v.defined()) *t.tensor = v;
  for (auto& p : parameters_) {
    p.velocity = find("velocity|" + p.name);
    p.square = find("square|" + p.name);
  }
  for (Layer* l : context_.model.layers())
    if (const auto m = find("mask|" + l->name); m.defined()) l->mask = m.to(at::kBool);
  if (hook) {
    TensorMap more;
    for (const auto& [name, value] : state->tensors)
      if (name.starts_with("hook|")) more[name.substr(5)] = value.clone();
    hook->load(more);
  }
  loss_ = state->numbers.at("loss");
  return state->step;
}

}  // namespace bench
