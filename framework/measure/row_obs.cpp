#include "measure/row_obs.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace bench {
namespace {

/// Lower Cholesky factor of a small matrix in place, row-major, n x n of stride `stride`.
void factor(double* a, int64_t n) {
  for (int64_t j = 0; j < n; ++j) {
    for (int64_t k = 0; k < j; ++k)
      for (int64_t i = j; i < n; ++i) a[i * n + j] -= a[i * n + k] * a[j * n + k];
    const double root = std::sqrt(std::max(a[j * n + j], 1e-300));
    for (int64_t i = j; i < n; ++i) a[i * n + j] /= root;
  }
}
/// x <- (L L^T)^-1 x, x of `step` entries between its elements.
void solve(const double* l, int64_t n, double* x, int64_t step) {
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t k = 0; k < i; ++k) x[i * step] -= l[i * n + k] * x[k * step];
    x[i * step] /= l[i * n + i];
  }
  for (int64_t i = n - 1; i >= 0; --i) {
    for (int64_t k = i + 1; k < n; ++k) x[i * step] -= l[k * n + i] * x[k * step];
    x[i * step] /= l[i * n + i];
  }
}

}  // namespace

void WideGram::on_input(const Tensor& x, int64_t n) {
  const double before = static_cast<double>(count), now = before + static_cast<double>(n);
  gram *= before / now;
  add_gram(gram, x, 2 / now);
  count += n;
}

Tensor obs_inverse(const WideGram& statistic, Tensor& dead) {
  const auto& gram = statistic.gram;
  // One buffer of column-major order: LAPACK overwrites it by the factor, and that by the inverse.
  auto h = at::empty_strided(gram.sizes(), {1, gram.size(0)}, gram.options().device(at::kCPU));
  const auto fill = [&] {
    h.copy_(gram.to(at::kCPU, at::kFloat));
    dead = h.diagonal() == 0;
    h.diagonal().masked_fill_(dead, 1);
  };
  fill();
  auto info = at::empty({0}, at::kInt);
  at::linalg_cholesky_ex_out(h, info, h);
  if (info.item<int>() != 0) {  // not of full rank (trueobs.py:59)
    fill();
    h.diagonal().add_(1);
    at::linalg_cholesky_out(h, h);
  }
  return at::cholesky_inverse_out(h, h);
}

RowObs::RowObs(const double* inverse, const double* weights, int64_t columns, int64_t size)
    : size_(size), left_(columns / size), stride_(columns) {
  h_.assign(inverse, inverse + columns * columns);
  w_.assign(weights, weights + columns);
  for (int64_t b = 0; b < left_; ++b) block_.push_back(b);
}

void RowObs::remove(int64_t p) {
  const auto n = left_ * size_, o = p * size_;
  small_block(p);
  // y = B^-1 H[p, :], x = B^-1 w[p]
  y_.resize(static_cast<size_t>(size_ * n));
  for (int64_t i = 0; i < size_; ++i) std::copy_n(&h(o + i, 0), n, &y_[static_cast<size_t>(i * n)]);
  for (int64_t j = 0; j < n; ++j) solve(small_.data(), size_, &y_[static_cast<size_t>(j)], n);
  std::vector<double> x(w_.begin() + o, w_.begin() + o + size_);
  solve(small_.data(), size_, x.data(), 1);
  for (int64_t i = 0; i < size_; ++i) {
    const double* row = &h(o + i, 0);
    for (int64_t j = 0; j < n; ++j)
      w_[static_cast<size_t>(j)] -= row[j] * x[static_cast<size_t>(i)];
  }
  std::vector<double> column(static_cast<size_t>(size_));
  for (int64_t r = 0; r < n; ++r) {
    double* row = &h(r, 0);
    for (int64_t i = 0; i < size_; ++i) column[static_cast<size_t>(i)] = row[o + i];
    for (int64_t i = 0; i < size_; ++i) {
      const double by = column[static_cast<size_t>(i)];
      const double* from = &y_[static_cast<size_t>(i * n)];
      for (int64_t j = 0; j < n; ++j) row[j] -= by * from[j];
    }
  }
  pack(p);
}

void RowObs::write(double* out, bool* kept) const {
  std::fill_n(out, stride_, 0.0);
  std::fill_n(kept, stride_, false);
  for (int64_t p = 0; p < left_; ++p)
    for (int64_t i = 0; i < size_; ++i) {
      out[block(p) * size_ + i] = w_[static_cast<size_t>(p * size_ + i)];
      kept[block(p) * size_ + i] = true;
    }
}

void RowObs::small_block(int64_t p) {
  const auto o = p * size_;
  small_.resize(static_cast<size_t>(size_ * size_));
  for (int64_t i = 0; i < size_; ++i)
    std::copy_n(&h(o + i, o), size_, &small_[static_cast<size_t>(i * size_)]);
  factor(small_.data(), size_);
}

double RowObs::cost(int64_t p) {
  const auto o = p * size_;
  if (size_ == 1) {
    const double w = w_[static_cast<size_t>(o)];
    return w * w / h(o, o);
  }
  small_block(p);
  std::vector<double> x(w_.begin() + o, w_.begin() + o + size_);
  solve(small_.data(), size_, x.data(), 1);
  return std::inner_product(x.begin(), x.end(), w_.begin() + o, 0.0);
}

void RowObs::pack(int64_t p) {
  --left_;
  if (p == left_) return;
  const auto o = p * size_, from = left_ * size_;
  for (int64_t i = 0; i < size_; ++i) {
    w_[static_cast<size_t>(o + i)] = w_[static_cast<size_t>(from + i)];
    std::copy_n(&h(from + i, 0), from + size_, &h(o + i, 0));
  }
  for (int64_t r = 0; r < from; ++r)
    for (int64_t i = 0; i < size_; ++i) h(r, o + i) = h(r, from + i);
  block_[static_cast<size_t>(p)] = block_[static_cast<size_t>(left_)];
}

}  // namespace bench
