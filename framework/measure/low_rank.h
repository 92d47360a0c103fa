#pragma once
#include "measure/passes.h"
#include "tensor/rows.h"

namespace bench {

/// Columns of two factors that together hold `share` of the parameters of an [out, in] matrix.
int64_t rank_for(int64_t out, int64_t in, double share);

/// The best approximation of rank at most `rank` of a matrix [out, in], as u v with the roots of
/// the singular values in both; float64, on one thread.
struct Truncated {
  Tensor u, v;      // [out, rank], [rank, in]
  Tensor singular;  // all of them, descending
};
Truncated truncated(const Tensor& matrix, int64_t rank);

/// sum x^T x over all tokens: float32 products of a sequence, summed in float64.
struct InputScatter : Statistic {
  static constexpr const char* kName = "input_scatter";
  static const Pass& pass() { return kForwardPass; }
  explicit InputScatter(const Layer& l)
      : sum(at::zeros({l.columns(), l.columns()}, l.weight.options().dtype(at::kDouble))) {}
  void on_input(const Tensor& x, int64_t n) override {
    sum += matmul_rows(x.t().contiguous(), x).to(at::kDouble);
    count += n;
  }
  Values values() const override { return {{"sum", sum}}; }
  /// Lower Cholesky factor of the sum, float64; where it is singular, of the sum with its smallest
  /// eigenvalue lifted to 1e-6.
  Tensor root() const;

  Tensor sum;         // [in, in]
  int64_t count = 0;  // sequences
};

/// Layers that can be split: linear, still there, nothing of them masked. `who`: for the sentence
/// where something is.
std::vector<Layer*> splittable(Model& model, const std::string& who);

}  // namespace bench
