#pragma once
#include "measure/passes.h"
#include "tensor/rows.h"

namespace bench {

/// Sum, absolute sum and sum of squares of each input column, in float64. Wanda, FMS, bias repairs.
struct InputMoments : Statistic {
  static constexpr const char* kName = "input_moments";
  static const Pass& pass() { return kForwardPass; }
  explicit InputMoments(const Layer& l)
      : sum(at::zeros({l.columns()}, l.weight.options().dtype(at::kDouble))),
        abs_sum(at::zeros_like(sum)),
        square_sum(at::zeros_like(sum)) {}
  void on_input(const Tensor& x, int64_t n) override;
  /// Rows: sum, abs_sum, square_sum.
  Values values() const override { return {{"sums", at::stack({sum, abs_sum, square_sum})}}; }
  /// Wanda's scaler_row: mean over sequences of the squared column norm (layerwrapper.py:31-35).
  Tensor scaler_row() const { return square_sum / static_cast<double>(count); }

  Tensor sum, abs_sum, square_sum;  // [in] float64
  int64_t rows = 0, count = 0;      // tokens; sequences or images
};

/// sum += scale x^T x, some rows of it after the others: the product is never there as a whole.
/// x: [rows, in] float32; sum: [in, in] of its type, or wider. The same bits on any number of
/// threads.
void add_gram(Tensor& sum, const Tensor& x, double scale);

/// (2 / N) X^T X, N sequences: the layer-wise Hessian of SparseGPT and of any OBS update.
struct InputGram : Statistic {
  static constexpr const char* kName = "input_gram";
  static const Pass& pass() { return kForwardPass; }
  explicit InputGram(const Layer& l)
      : gram(at::zeros({l.columns(), l.columns()}, l.weight.options().dtype(at::kFloat))) {}
  void on_input(const Tensor& x, int64_t n) override;
  Values values() const override { return {{"gram", gram}}; }
  /// Upper Cholesky factor U [in, in] of the inverse of the damped Hessian, dead inputs given
  /// H_ii = 1 (sparsegpt.py:48-100). Tries ten times the damping where the matrix is not positive
  /// definite, up to ten times the mean of its diagonal. As large as the Gram matrix: a thread
  /// keeps that of the layer last asked for, until another one's is computed.
  Tensor inverse_factor(double damping) const;
  /// Its diagonal, [in]: of every layer, once it was computed.
  Tensor inverse_factor_diagonal(double damping) const;
  Tensor dead() const { return gram.diagonal() == 0; }

  Tensor gram;  // [in, in] float32
  int64_t count = 0;

 private:
  using Factors = std::map<double, Tensor>;  // by damping
  mutable std::shared_ptr<Factors> factors_ = std::make_shared<Factors>();
  mutable Factors diagonals_;
};

/// Gradient of the mean loss over every prediction of the calibration data, float32 [out,
/// in*kh*kw].
struct MeanGradient : Statistic {
  static constexpr const char* kName = "mean_gradient";
  static const Pass& pass() { return kBackwardPass; }
  explicit MeanGradient(const Layer& l) : mean(at::zeros_like(l.matrix()).detach()) {}
  void on_gradient(const Tensor& g, double share) override { mean += g * share; }
  Values values() const override { return {{"mean", mean}}; }

  Tensor mean;
};

/// Moments of the gradients of each sample's (sequence's, image's) own mean loss, float32 [out,
/// in*kh*kw]: the diagonal Fisher information is square_sum / count.
struct GradientMoments : Statistic {
  static constexpr const char* kName = "gradient_moments";
  static const Pass& pass();
  explicit GradientMoments(const Layer& l)
      : square_sum(at::zeros_like(l.matrix()).detach()), abs_sum(at::zeros_like(square_sum)) {}
  void on_gradient(const Tensor& g, double share) override;
  Values values() const override { return {{"square_sum", square_sum}, {"abs_sum", abs_sum}}; }

  Tensor square_sum, abs_sum, last_square;  // last_square: of the last sample alone
  /// Of the model's vectors (scales of norms, biases) by their names; shared by all layers.
  using Vectors = std::map<std::string, Tensor>;
  std::shared_ptr<Vectors> vector_square_sum, vector_last_square;
  int64_t count = 0;
};

/// Norms over sequences of c times the gradient of each one's mean loss (GBLM, Pruner-Zero). half:
/// as their code keeps them, the l1 sum in float16 from the first sequence on, the l2 norm rounded
/// to it at the end (GBLM-Pruner gradient_computation.py:119-157, 205-209).
struct GradientNorms : Statistic {
  static constexpr const char* kName = "gradient_norms";
  static const Pass& pass() { return kBackwardPass; }
  GradientNorms(const Layer& l, int squares_, int half_, double scale_)
      : squares(squares_ != 0),
        half(half_ != 0),
        scale(scale_),
        sum(at::zeros(l.flat().sizes(),
                      l.weight.options().dtype(half && !squares ? at::kHalf : at::kFloat))) {}
  void on_gradient(const Tensor& g, double /*share*/) override {
    const auto scaled = g.to(at::kFloat) * scale;
    if (squares)
      sum += scaled.square();
    else
      sum += scaled.abs().to(sum.scalar_type());
  }
  Values values() const override { return {{"norm", norm()}}; }
  /// float32 [out, in]
  Tensor norm() const {
    const auto n = squares ? sum.sqrt() : sum;
    return half ? n.to(at::kHalf).to(at::kFloat) : n;
  }
  bool squares, half;
  double scale;
  Tensor sum;
};

}  // namespace bench
