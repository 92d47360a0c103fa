#include "stages/text_training.h"

#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/digest.h"
#include "tensor/rows.h"
#include "kernels/philox.h"
#include "tensor/adamw.h"
#include "stages/saved_state.h"
#include "walk/sparsity.h"

namespace bench {
namespace {

/// The rows of a step: epochs are permutations, drawn anew for each.
std::vector<size_t> order_of(uint64_t seed, int64_t epoch, size_t rows) {
  std::vector<double> u(rows);
  kernels::fill_uniform({seed, kernels::fnv1a("text order"), kernels::Purpose::Training},
                        epoch * static_cast<int64_t>(rows), static_cast<int64_t>(rows), u.data());
  std::vector<size_t> order(rows);
  for (size_t i = 0; i < rows; ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return u[a] < u[b]; });
  return order;
}

}  // namespace

Responses responses_of(const std::vector<const TrainingRow*>& rows) {
  std::vector<Sequence> sequences;
  Sequence where, next;
  int64_t begin = 0;
  for (const auto* r : rows) {
    const auto n = static_cast<int64_t>(r->ids.size());
    for (int64_t t = std::max<int64_t>(1, r->prompt); t < n; ++t) {
      where.push_back(begin + t - 1);
      next.push_back(r->ids[static_cast<size_t>(t)]);
    }
    begin += n;
    sequences.push_back(r->ids);
  }
  return {text_batch(sequences), at::tensor(where, at::kLong), at::tensor(next, at::kLong)};
}

Tensor response_loss(const Model& model, const std::vector<const TrainingRow*>& rows) {
  const auto r = responses_of(rows);
  const auto all = model.body(r.batch);
  const auto hidden = all.index_select(0, r.where.to(all.device()));
  return at::cross_entropy_loss(model.head(hidden, r.batch), r.next.to(all.device()));
}

TextTrainer::TextTrainer(StageContext& context, const TextTrainingSettings& how,
                         std::vector<Learned> learned, Objective objective)
    : context_(context),
      how_(how),
      learned_(std::move(learned)),
      objective_(std::move(objective)),
      moments_(learned_.size()),
      first_(std::numeric_limits<double>::quiet_NaN()),
      best_(std::numeric_limits<double>::infinity()) {
  require(static_cast<bool>(context.tokenizer), "a stage on text gets a tokenizer");
  for (auto& l : learned_) masters_.hold(*l.value);
  auto all = training_rows(how, *context.tokenizer());
  const auto cut = all.end() - how.validation;
  held_.assign(cut, all.end());
  training_.assign(all.begin(), cut);
  const auto per_epoch = (static_cast<int64_t>(training_.size()) + how.batch - 1) / how.batch;
  total_ = how.steps > 0 ? how.steps : std::llround(how.epochs * static_cast<double>(per_epoch));
  key_ = sha256_hex(how.text + "|" + weight_hash(context.model) + "|" + mask_hash(context.model));
}

std::vector<const TrainingRow*> TextTrainer::rows_in(int64_t index) const {
  const auto n = static_cast<int64_t>(training_.size());
  const auto per_epoch = (n + how_.batch - 1) / how_.batch;
  const auto order = order_of(how_.seed, index / per_epoch, training_.size());
  const auto from = index % per_epoch * how_.batch, to = std::min(from + how_.batch, n);
  std::vector<const TrainingRow*> rows;
  for (auto i = from; i < to; ++i) rows.push_back(&training_[order[static_cast<size_t>(i)]]);
  return rows;
}

Calibration TextTrainer::rows_of(int64_t step) const {
  std::vector<Sequence> sequences;
  for (const auto* r : rows_in(step)) sequences.push_back(r->ids);
  Calibration c;
  c.batches = {text_batch(sequences).to(context_.device)};
  c.hash = "training";
  return c;
}

void TextTrainer::step(int64_t index) {
  const auto all = rows_in(index);
  const auto to = static_cast<int64_t>(all.size());
  const auto parts = (to + how_.micro_batch - 1) / how_.micro_batch;
  std::vector<Tensor> leaves, sums(learned_.size());
  for (auto& l : learned_) leaves.push_back(*l.value = l.value->detach().requires_grad_());
  for (int64_t at = 0; at < to; at += how_.micro_batch, ++pass_) {
    const std::vector<const TrainingRow*> rows(all.begin() + at,
                                               all.begin() + std::min(at + how_.micro_batch, to));
    at::AutoGradMode grad(true);
    const auto loss = objective_ ? objective_(rows) : response_loss(context_.model, rows);
    last_ = loss.item<double>();
    if (!std::isfinite(last_))
      fail("training: the loss is no number at step {}; a smaller lr may help", index);
    const auto g = torch::autograd::grad({loss}, leaves, {}, {}, false, true);
    for (size_t i = 0; i < g.size(); ++i)
      if (g[i].defined()) sums[i] = sums[i].defined() ? sums[i] + g[i] : g[i];
  }
  const AdamW update{how_.beta1, how_.beta2, how_.weight_decay};
  for (size_t i = 0; i < learned_.size(); ++i) {
    auto w = learned_[i].value->detach();
    if (sums[i].defined()) {
      w = w.clone();  // the best values so far may be these
      update(w, moments_[i].first, moments_[i].second, sums[i] / static_cast<double>(parts),
             how_.rate(index, total_) * learned_[i].pace, index);
    }
    *learned_[i].value = w;
  }
}

double TextTrainer::held_out() const {
  at::NoGradGuard no_grad;
  double sum = 0;
  int64_t tokens = 0;
  for (const auto& r : held_) {
    const auto n = static_cast<int64_t>(r.ids.size()) - std::max<int64_t>(1, r.prompt);
    sum += response_loss(context_.model, {&r}).item<double>() * double(n);
    tokens += n;
  }
  return sum / static_cast<double>(tokens);
}

void TextTrainer::consider(int64_t done, int64_t judged_from) {
  if (held_.empty() || (done > 0 && done < judged_from)) return;
  const double now = held_out();
  if (done == 0) first_ = now;
  if (done < judged_from || !(now < best_)) return;
  best_ = now;
  for (size_t i = 0; i < learned_.size(); ++i) moments_[i].best = *learned_[i].value;
}

void TextTrainer::run(const std::function<void(int64_t)>& after_step, int64_t judged_from) {
  SingleThread alone;
  at::NoGradGuard no_grad;
  int64_t done = load();
  after_step(done);
  if (done == 0) consider(0, judged_from);
  while (done < total_) {
    step(done++);
    after_step(done);
    if (done % how_.evaluate_every == 0 || done == total_) consider(done, judged_from);
    if (context_.progress) context_.progress(done, total_);
    if (how_.save_every > 0 && done % how_.save_every == 0 && done < total_) save(done);
  }
  for (size_t i = 0; i < learned_.size(); ++i)
    if (moments_[i].best.defined()) *learned_[i].value = moments_[i].best;
  after_step(total_);
  remove_state(context_.state_file);
}

void TextTrainer::save(int64_t done) const {
  SavedState state{done, {{"pass", double(pass_)}, {"first", first_}, {"best", best_}}, {}};
  for (size_t i = 0; i < learned_.size(); ++i) {
    state.tensors["value|" + learned_[i].name] = *learned_[i].value;
    state.tensors["first|" + learned_[i].name] = moments_[i].first;
    state.tensors["second|" + learned_[i].name] = moments_[i].second;
    state.tensors["best|" + learned_[i].name] = moments_[i].best;
  }
  for (const Layer* l : context_.model.layers())
    if (l->mask.defined()) state.tensors["mask|" + l->name] = l->mask.to(at::kByte);
  save_state(context_.state_file, key_, state);
}

int64_t TextTrainer::load() {
  const auto state = load_state(context_.state_file, key_, {"pass", "first", "best"});
  if (!state) return 0;
  const auto find = [&](const std::string& name) { return state->find(name, context_.device); };
  for (size_t i = 0; i < learned_.size(); ++i) {
    const auto& name = learned_[i].name;
    if (const auto v = find("value|" + name); v.defined()) *learned_[i].value = v;
    moments_[i] = {find("first|" + name), find("second|" + name), find("best|" + name)};
  }
  for (Layer* l : context_.model.layers())
    if (const auto m = find("mask|" + l->name); m.defined()) l->mask = m.to(at::kBool);
  first_ = state->numbers.at("first");
  best_ = state->numbers.at("best");
  pass_ = static_cast<int64_t>(state->numbers.at("pass"));
  return state->step;
}

void report(const StageContext& c, const TextTrainer& t) {
  if (!c.record) return;
  c.record("steps", static_cast<double>(t.steps()), "steps");
  if (!std::isfinite(t.first_loss())) return;
  c.record("held_out_before", t.first_loss(), "nats per response token");
  if (std::isfinite(t.best_loss()))
    c.record("held_out_best", t.best_loss(), "nats per response token");
}

}  // namespace bench
