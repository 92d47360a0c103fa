#include "tasks/running_softmax.h"

#include <limits>

#include "kernels/exponentials.h"

namespace bench {
namespace {

/// Of the rows where a maximum is at `column`, those that have none before it.
Tensor first_maximum(const Tensor& logits, const Tensor& column, Tensor maximal) {
  const auto rows = maximal.squeeze(1).nonzero().cpu();
  for (int64_t i = 0; i < rows.numel(); ++i) {
    const auto row = rows[i][0].item<int64_t>(), at = column[row][0].item<int64_t>();
    const auto all = logits[row];
    if (at > 0 && (all.slice(0, 0, at).amax() == all[at]).item<bool>()) maximal[row] = false;
  }
  return maximal;
}

}  // namespace

RunningSoftmax::RunningSoftmax(const Tensor& ids)
    : ids_(ids),
      most_(at::full_like(ids, -std::numeric_limits<double>::infinity(), at::kFloat)),
      sums_(at::zeros({ids.size(0), kernels::kSumLanes}, most_.options())),
      picked_(at::zeros_like(most_)),
      greedy_(at::zeros_like(ids, at::kBool)) {}

void RunningSoftmax::add(const Tensor& logits, int64_t begin) {
  const auto peak = logits.amax(1, true);
  const auto here = (ids_ >= begin).logical_and(ids_ < begin + logits.size(1));
  const auto column = (ids_ - begin).clamp(0, logits.size(1) - 1);
  const auto value = logits.gather(1, column);
  picked_ = at::where(here, value, picked_);
  const auto first = first_maximum(logits, column, here.logical_and(value == peak));
  greedy_ = at::where((peak > most_).logical_or(peak.isnan()), first, greedy_);
  const auto most = at::maximum(most_, peak);
  if (logits.is_cpu()) {
    const auto flat = logits.contiguous();
    kernels::add_exponentials(flat.const_data_ptr<float>(), flat.size(0), flat.size(1),
                              most_.const_data_ptr<float>(), most.const_data_ptr<float>(),
                              sums_.mutable_data_ptr<float>());
  } else {
    sums_ *= (most_ - most).exp();
    sums_.select(1, 0) += (logits - most).exp_().sum(1);
  }
  most_ = most;
}

Tensor RunningSoftmax::answers() const {
  return at::cat({picked_ - most_ - sums_.sum(1, true).log(), greedy_.to(at::kFloat)}, 1);
}

}  // namespace bench
