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

void add_gram(Tensor& sum, const Tensor& x, double scale) {
  const auto xt = x.t().contiguous();
  const auto n = xt.size(0);
  // Whole tiles of matmul_rows, as many as there are threads: the tiles are those of one product.
  const int64_t threads = at::in_parallel_region() ? 1 : at::get_num_threads();
  const int64_t step = 1024 * ((threads + 1) / 2);
  for (int64_t begin = 0; begin < n;) {
    const auto count = n - begin < 2 * step ? n - begin : step;
    auto part = matmul_rows(xt.narrow(0, begin, count), x).to(sum.scalar_type());
    sum.narrow(0, begin, count) += part.mul_(scale);
    begin += count;
  }
}

void InputGram::on_input(const Tensor& x, int64_t n) {
  // Running mean as the authors keep it: H <- H c/(c+n) + 2/(c+n) x^T x.
  const double before = static_cast<double>(count), now = before + static_cast<double>(n);
  if (count > 0) gram *= before / now;
  add_gram(gram, x, 2.0 / now);
  count += n;
}

namespace {

/// In one buffer of column-major order, in which LAPACK overwrites a matrix by its factor, and the
/// factor by the inverse. Undefined where the matrix is not positive definite.
Tensor factor_of_inverse(const Tensor& gram, const Tensor& dead, double damping) {
  auto h = at::empty_strided(gram.sizes(), {1, gram.size(0)}, gram.options());
  h.copy_(gram);
  auto diagonal = h.diagonal();
  diagonal.masked_fill_(dead, 1);
  diagonal.add_(diagonal.mean() * damping);
  auto info = at::empty({0}, gram.options().dtype(at::kInt));
  at::linalg_cholesky_ex_out(h, info, h);
  if (info.item<int>() != 0) return {};
  at::cholesky_inverse_out(h, h);
  at::linalg_cholesky_ex_out(h, info, h, /*upper=*/true);
  return info.item<int>() == 0 ? h : Tensor();
}

}  // namespace

Tensor InputGram::inverse_factor(double damping) const {
  static thread_local std::weak_ptr<Factors> latest;
  if (const auto it = factors_->find(damping); it != factors_->end()) return it->second;
  if (const auto other = latest.lock(); other && other != factors_) other->clear();
  latest = factors_;
  SingleThread alone;  // LAPACK's blocking, and with it the last bits, may depend on the threads
  for (double d = damping; d <= 10.0; d *= 10) {
    const auto factor = factor_of_inverse(gram, dead(), d);
    if (!factor.defined()) continue;
    diagonals_[damping] = factor.diagonal().clone();
    return (*factors_)[damping] = factor;
  }
  fail(
      "the input statistics of a layer cannot be inverted, not even with damping {}: more or other "
      "calibration data, or a larger damping, is needed",
      10.0);
}

Tensor InputGram::inverse_factor_diagonal(double damping) const {
  if (!diagonals_.contains(damping)) inverse_factor(damping);
  return diagonals_.at(damping);
}

}  // namespace bench
