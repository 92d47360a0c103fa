#include "tasks/generate.h"

#include "tensor/rows.h"

namespace bench {
namespace {

/// The first maximum of each sequence's last row.
std::vector<int64_t> next_tokens(const Model& model, const Batch& batch) {
  const auto hidden = model.body(batch);
  std::vector<int64_t> rows;
  for (int64_t s = 0; s < batch.segments(); ++s)
    rows.push_back(batch.starts[static_cast<size_t>(s) + 1] - 1);
  const auto last = hidden.index_select(0, at::tensor(rows, at::kLong).to(hidden.device()));
  const auto best =
      rowwise(last, [&](const Tensor& h) { return model.head(h, batch).argmax(1, true); })
          .cpu()
          .contiguous();
  const auto* p = best.const_data_ptr<int64_t>();
  return {p, p + best.numel()};
}

}  // namespace

Continuations::Continuations(const Model& model, std::vector<Sequence> prompts)
    : model_(model),
      past_(std::make_shared<Past>(model.block_count(), static_cast<int64_t>(prompts.size()))),
      inputs_(std::move(prompts)),
      behind_(inputs_.size(), 0) {
  if (model.steady_length() > 0) whole_ = inputs_;
}

std::vector<int64_t> Continuations::step() {
  at::NoGradGuard no_grad;
  for (const auto& s : whole_) anew_ |= static_cast<int64_t>(s.size()) > model_.steady_length();
  if (anew_) {
    auto next = next_tokens(model_, text_batch(whole_));
    for (size_t s = 0; s < next.size(); ++s) whole_[s].push_back(next[s]);
    return next;
  }
  auto batch = text_batch(inputs_);
  auto* positions = batch.positions.mutable_data_ptr<int64_t>();
  for (size_t s = 0; s < inputs_.size(); ++s) {
    for (auto t = batch.starts[s]; t < batch.starts[s + 1]; ++t) positions[t] += behind_[s];
    behind_[s] += static_cast<int64_t>(inputs_[s].size());
  }
  batch.past = past_;
  auto next = next_tokens(model_, batch);
  for (size_t s = 0; s < next.size(); ++s) {
    inputs_[s] = {next[s]};
    if (!whole_.empty()) whole_[s].push_back(next[s]);
  }
  return next;
}

void Continuations::keep(const std::vector<int64_t>& which) {
  past_->keep(which);
  std::vector<Sequence> inputs, whole;
  std::vector<int64_t> behind;
  for (const auto s : which) {
    inputs.push_back(std::move(inputs_[static_cast<size_t>(s)]));
    behind.push_back(behind_[static_cast<size_t>(s)]);
    if (!whole_.empty()) whole.push_back(std::move(whole_[static_cast<size_t>(s)]));
  }
  inputs_ = std::move(inputs), behind_ = std::move(behind), whole_ = std::move(whole);
}

std::vector<Sequence> generate(const Model& model, const std::vector<Sequence>& prompts,
                               int64_t count, int64_t batch_tokens,
                               const std::function<bool(size_t, const Sequence&)>& stop,
                               const std::function<void(int64_t, int64_t)>& progress) {
  std::vector<Sequence> made(prompts.size());
  for (size_t first = 0; first < prompts.size();) {
    std::vector<size_t> live;
    int64_t held = 0;
    size_t end = first;
    for (; end < prompts.size(); ++end) {
      const auto size = static_cast<int64_t>(prompts[end].size()) + std::min(count, batch_tokens);
      if (end > first && held + size > batch_tokens) break;
      held += size;
      live.push_back(end);
    }
    Continuations together(model, {prompts.begin() + static_cast<long>(first),
                                   prompts.begin() + static_cast<long>(end)});
    for (int64_t step = 0; step < count && !live.empty(); ++step) {
      const auto next = together.step();
      std::vector<int64_t> going;
      std::vector<size_t> still;
      for (size_t k = 0; k < live.size(); ++k) {
        made[live[k]].push_back(next[k]);
        if (stop(live[k], made[live[k]])) continue;
        going.push_back(static_cast<int64_t>(k));
        still.push_back(live[k]);
      }
      if (going.size() < live.size()) together.keep(going);
      live = std::move(still);
    }
    first = end;
    if (progress) progress(static_cast<int64_t>(end), static_cast<int64_t>(prompts.size()));
  }
  return made;
}

Sequence generate_plainly(const Model& model, Sequence prompt, int64_t count) {
  at::NoGradGuard no_grad;
  Sequence made;
  for (int64_t i = 0; i < count; ++i) {
    made.push_back(next_tokens(model, text_batch({prompt})).front());
    prompt.push_back(made.back());
  }
  return made;
}

}  // namespace bench
