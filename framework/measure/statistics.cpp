#include "measure/statistics.h"

#include <torch/csrc/autograd/autograd.h>

#include "kernels/moments.h"
#include "measure/sensitivity.h"

namespace bench {

void InputMoments::on_input(const Tensor& x, int64_t n) {
  if (x.is_cpu() && x.scalar_type() == at::kFloat) {
    const auto rows_of_x = x.contiguous();
    kernels::add_moments(rows_of_x.const_data_ptr<float>(), x.size(0), x.size(1),
                         sum.mutable_data_ptr<double>(), abs_sum.mutable_data_ptr<double>(),
                         square_sum.mutable_data_ptr<double>());
  } else {
    sum += x.sum(0, false, at::kDouble);
    abs_sum += x.abs().sum(0, false, at::kDouble);
    square_sum += x.square().sum(0, false, at::kDouble);
  }
  rows += x.size(0);
  count += n;
}

namespace {

void sample_backward(const Probe& p, Heard<GradientMoments> heard) {
  const WeightLeaves leaves(p.model, heard, /*with_vectors=*/true);
  const auto sums = std::make_shared<GradientMoments::Vectors>();
  const auto last = std::make_shared<GradientMoments::Vectors>();
  const auto n = heard.size();
  for (const auto& one : samples(p.data.batches)) {
    const auto g = torch::autograd::grad({p.model.loss(one)}, leaves.all, {}, {}, false, true);
    at::NoGradGuard no_grad;
    for (size_t i = 0; i < n; ++i)
      heard[i].second->on_gradient(
          g[i].defined() ? g[i].flatten(1) : at::zeros_like(leaves.all[i].flatten(1)), 1);
    for (size_t i = 0; i < leaves.vectors.size(); ++i) {
      if (!g[n + i].defined()) continue;
      auto& sum = (*sums)[leaves.vectors[i]];
      const auto square = g[n + i].square();
      sum = sum.defined() ? sum + square : square;
      (*last)[leaves.vectors[i]] = square;
    }
  }
  for (const auto& [layer, s] : heard) {
    s->vector_square_sum = sums;
    s->vector_last_square = last;
  }
}

const Pass kSampleBackward = pass_of<GradientMoments>(Pass::Global, sample_backward, Pass::One);

}  // namespace

const Pass& GradientMoments::pass() {
  return kSampleBackward;
}

void GradientMoments::on_gradient(const Tensor& g, double) {
  last_square = g.square();
  square_sum += last_square;
  abs_sum += g.abs();
  ++count;
}

void InputGram::on_input(const Tensor& x, int64_t n) {
  // Running mean as the authors keep it: H <- H c/(c+n) + 2/(c+n) x^T x.
  const double before = static_cast<double>(count), now = before + static_cast<double>(n);
  if (count > 0) gram *= before / now;
  gram += matmul_rows(x.t().contiguous(), x) * (2.0 / now);
  count += n;
}

const Tensor& InputGram::inverse_factor(double damping) const {
  auto& slot = factors_[damping];
  if (slot.defined()) return slot;
  SingleThread alone;  // LAPACK's blocking, and with it the last bits, may depend on the threads
  auto h = gram.clone();
  auto diagonal = h.diagonal();
  diagonal.masked_fill_(dead(), 1);
  const auto mean = diagonal.mean();
  for (double d = damping; d <= 10.0; d *= 10) {
    auto damped = h.clone();
    damped.diagonal().add_(mean * d);
    const auto [lower, info] = at::linalg_cholesky_ex(damped);
    if (info.item<int>() != 0) continue;
    const auto inverse = at::cholesky_inverse(lower);
    const auto [upper, info2] = at::linalg_cholesky_ex(inverse, /*upper=*/true);
    if (info2.item<int>() != 0) continue;
    slot = upper;
    return slot;
  }
  fail(
      "the input statistics of a layer cannot be inverted, not even with damping {}: more or other "
      "calibration data, or a larger damping, is needed",
      10.0);
}

}  // namespace bench
