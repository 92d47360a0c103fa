#include "measure/lsmr.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/error.h"

namespace bench {
namespace {

constexpr double kTolerance = 1e-6, kWorstCondition = 1e8;

using Vector = std::vector<double>;

double norm(const Vector& v) {
  double sum = 0;
  for (const double x : v) sum += x * x;
  return std::sqrt(sum);
}

void scale(Vector& v, double by) {
  for (double& x : v) x *= by;
}

void add(Vector& v, double by, const Vector& w) {
  for (size_t i = 0; i < v.size(); ++i) v[i] += by * w[i];
}

/// A rotation that turns (a, b) into (r, 0).
struct Rotation {
  double c, s, r;
  Rotation(double a, double b) : c(1), s(0), r(std::hypot(a, b)) {
    if (r > 0) c = a / r, s = b / r;
  }
};

class Matrix {
 public:
  explicit Matrix(const Tensor& a)
      : held_(a.to(at::kCPU, at::kDouble).contiguous()),
        m_(static_cast<size_t>(a.size(0))),
        n_(static_cast<size_t>(a.size(1))) {}
  size_t columns() const { return n_; }
  Vector times(const Vector& x) const {
    Vector y(m_, 0);
    const auto* p = held_.const_data_ptr<double>();
    for (size_t i = 0; i < m_; ++i)
      for (size_t j = 0; j < n_; ++j) y[i] += p[i * n_ + j] * x[j];
    return y;
  }
  Vector transposed_times(const Vector& x) const {
    Vector y(n_, 0);
    const auto* p = held_.const_data_ptr<double>();
    for (size_t i = 0; i < m_; ++i)
      for (size_t j = 0; j < n_; ++j) y[j] += p[i * n_ + j] * x[i];
    return y;
  }

 private:
  Tensor held_;
  size_t m_, n_;
};

/// The iteration with the estimates that its stop rule reads; names as in the paper's Table 5.1.
class Iteration {
 public:
  Iteration(const Matrix& a, Vector b, double damp)
      : a_(a), damp_(damp), b_norm_(norm(b)), u_(std::move(b)), x_(a.columns(), 0) {
    beta_ = b_norm_;
    if (beta_ > 0) scale(u_, 1 / beta_);
    v_ = beta_ > 0 ? a_.transposed_times(u_) : Vector(a.columns(), 0);
    alpha_ = norm(v_);
    if (alpha_ > 0) scale(v_, 1 / alpha_);
    zeta_bar_ = alpha_ * beta_, alpha_bar_ = alpha_;
    h_ = v_, h_bar_ = Vector(a.columns(), 0);
    beta_dd_ = beta_;
    a_norm2_ = alpha_ * alpha_;
  }

  bool solved() const { return alpha_ * beta_ == 0 || b_norm_ == 0; }
  const Vector& x() const { return x_; }

  /// One step; the reason to stop behind it, or 0.
  int step() {
    scale(u_, -alpha_);
    add(u_, 1, a_.times(v_));
    beta_ = norm(u_);
    if (beta_ > 0) {
      scale(u_, 1 / beta_);
      scale(v_, -beta_);
      add(v_, 1, a_.transposed_times(u_));
      alpha_ = norm(v_);
      if (alpha_ > 0) scale(v_, 1 / alpha_);
    }
    const Rotation damped(alpha_bar_, damp_);
    const double rho_before = rho_, rho_bar_before = rho_bar_, zeta_before = zeta_;
    const Rotation first(damped.r, beta_);
    rho_ = first.r;
    const double theta_new = first.s * alpha_;
    alpha_bar_ = first.c * alpha_;
    const double theta_bar = s_bar_ * rho_, rho_temp = c_bar_ * rho_;
    const Rotation second(rho_temp, theta_new);
    c_bar_ = second.c, s_bar_ = second.s, rho_bar_ = second.r;
    zeta_ = c_bar_ * zeta_bar_;
    zeta_bar_ = -s_bar_ * zeta_bar_;
    scale(h_bar_, -theta_bar * rho_ / (rho_before * rho_bar_before));
    add(h_bar_, 1, h_);
    add(x_, zeta_ / (rho_ * rho_bar_), h_bar_);
    scale(h_, -theta_new / rho_);
    add(h_, 1, v_);
    const double residual = residual_norm(damped, first, theta_bar, zeta_before);
    a_norm2_ += beta_ * beta_;
    const double a_norm = std::sqrt(a_norm2_);
    a_norm2_ += alpha_ * alpha_;
    return reason(residual, a_norm, condition(rho_bar_before, rho_temp));
  }

 private:
  double residual_norm(const Rotation& damped, const Rotation& first, double theta_bar,
                       double zeta_before) {
    const double beta_acute = damped.c * beta_dd_, beta_check = -damped.s * beta_dd_;
    const double beta_hat = first.c * beta_acute;
    beta_dd_ = -first.s * beta_acute;
    const double theta_tilde_before = theta_tilde_;
    const Rotation tilde(rho_d_, theta_bar);
    theta_tilde_ = tilde.s * rho_bar_;
    rho_d_ = tilde.c * rho_bar_;
    beta_d_ = -tilde.s * beta_d_ + tilde.c * beta_hat;
    tau_tilde_ = (zeta_before - theta_tilde_before * tau_tilde_) / tilde.r;
    const double tau_d = (zeta_ - theta_tilde_ * tau_tilde_) / rho_d_;
    d_ += beta_check * beta_check;
    return std::sqrt(d_ + (beta_d_ - tau_d) * (beta_d_ - tau_d) + beta_dd_ * beta_dd_);
  }

  double condition(double rho_bar_before, double rho_temp) {
    largest_ = std::max(largest_, rho_bar_before);
    if (begun_) smallest_ = std::min(smallest_, rho_bar_before);
    begun_ = true;
    return std::max(largest_, rho_temp) / std::min(smallest_, rho_temp);
  }

  int reason(double residual, double a_norm, double condition) const {
    const double x_norm = norm(x_);
    const double test1 = residual / b_norm_;
    const double test2 = a_norm * residual != 0 ? std::abs(zeta_bar_) / (a_norm * residual)
                                                : std::numeric_limits<double>::infinity();
    const double test3 = 1 / condition;
    if (test1 <= kTolerance + kTolerance * a_norm * x_norm / b_norm_) return 1;
    if (test2 <= kTolerance) return 2;
    if (test3 <= 1 / kWorstCondition) return 3;
    if (1 + test1 / (1 + a_norm * x_norm / b_norm_) <= 1) return 4;
    if (1 + test2 <= 1) return 5;
    if (1 + test3 <= 1) return 6;
    return 0;
  }

  const Matrix& a_;
  double damp_, b_norm_;
  Vector u_, v_, x_, h_, h_bar_;
  double alpha_ = 0, beta_ = 0, alpha_bar_ = 0, zeta_bar_ = 0, zeta_ = 0;
  double rho_ = 1, rho_bar_ = 1, c_bar_ = 1, s_bar_ = 0;
  double beta_dd_ = 0, beta_d_ = 0, rho_d_ = 1, tau_tilde_ = 0, theta_tilde_ = 0, d_ = 0;
  double a_norm2_ = 0, largest_ = 0, smallest_ = 1e100;
  bool begun_ = false;
};

}  // namespace

Lsmr lsmr(const Tensor& a, const Tensor& b, double damp, int64_t most_iterations) {
  require(a.dim() == 2 && b.dim() == 1 && a.size(0) == b.size(0), "a system has as many rows");
  const auto right = b.to(at::kCPU, at::kDouble).contiguous();
  const auto* p = right.const_data_ptr<double>();
  const Matrix matrix(a);
  Iteration run(matrix, Vector(p, p + right.numel()), damp);
  Lsmr out;
  if (!run.solved()) {
    while (out.reason == 0 && out.iterations < most_iterations) {
      out.reason = run.step();
      ++out.iterations;
    }
    if (out.reason == 0) out.reason = 7;
  }
  out.x = at::tensor(run.x(), at::kDouble);
  return out;
}

}  // namespace bench
