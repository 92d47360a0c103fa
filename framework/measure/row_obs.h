#pragma once
// Exact removal of one weight, or block of weights, after another from a row (Frantar and Alistarh
// 2022, arXiv 2208.11580; IST-DASLab/OBC@9b7979b trueobs.py:36-80, 160-237).
#include <limits>
#include <vector>

#include "measure/statistics.h"

namespace bench {

/// (2 / N) X^T X, float32 products summed in float64 (trueobs.py:36-56).
struct WideGram : Statistic {
  static constexpr const char* kName = "wide_gram";
  static const Pass& pass() { return kForwardPass; }
  explicit WideGram(const Layer& l)
      : gram(at::zeros({l.columns(), l.columns()}, l.weight.options().dtype(at::kDouble))) {}
  void on_input(const Tensor& x, int64_t n) override;
  Values values() const override { return {{"gram", gram}}; }
  Tensor gram;  // [in, in] float64
  int64_t count = 0;
};

/// The inverse of a layer's Hessian, float64 [in, in] on the CPU. dead: bool [in], the inputs that
/// are always zero, which count as 1 there. One that is not of full rank gets the identity added.
Tensor obs_inverse(const WideGram& gram, Tensor& dead);

/// One row while its blocks of `size` columns go. What is left stays packed at the front.
class RowObs {
 public:
  /// inverse: [columns, columns]; weights: of the row.
  RowObs(const double* inverse, const double* weights, int64_t columns, int64_t size);

  int64_t left() const { return left_; }
  int64_t block(int64_t place) const { return block_[static_cast<size_t>(place)]; }

  /// Twice the loss of what goes next, the first of equals by column; its place. allowed(block).
  template <class F>
  std::pair<double, int64_t> cheapest(F&& allowed) {
    std::pair<double, int64_t> best{std::numeric_limits<double>::infinity(), -1};
    for (int64_t p = 0; p < left_; ++p) {
      if (!allowed(block(p))) continue;
      const double c = cost(p);
      if (best.second < 0 || c < best.first || (c == best.first && block(p) < block(best.second)))
        best = {c, p};
    }
    return best;
  }

  void remove(int64_t place);

  /// Weights of what is left, zero elsewhere.
  void write(double* out, bool* kept) const;

 private:
  double& h(int64_t r, int64_t c) { return h_[static_cast<size_t>(r * stride_ + c)]; }

  void small_block(int64_t p);
  double cost(int64_t p);
  /// The last block takes the place of p.
  void pack(int64_t p);

  int64_t size_, left_, stride_;
  std::vector<double> h_, w_, small_, y_;
  std::vector<int64_t> block_;
};

}  // namespace bench
