#pragma once
#include "core/statistic.h"
#include "kernels/philox.h"

namespace bench {

/// One symmetric difference of the loss along a random direction z_i (mini_llm.md 2.3).
struct Difference {
  uint64_t seed;
  double plus = 0, minus = 0;  // losses at W + eps z, W - eps z
  double p = 0;                // (plus - minus) / (2 eps)
};

enum class Directions { Normal, Rademacher };

/// z of one tensor, float32, in the shape of its weight.
Tensor direction(const Layer& layer, uint64_t seed, Directions kind);

/// g^ = (1/n) sum_i p_i z_i (or p_i / z_i) of one tensor, regenerated: extra memory is two
/// matrices.
Tensor zeroth_order_gradient(const Layer& layer, const std::vector<Difference>& differences,
                             Directions kind, bool divide);

/// The differences, measured once on the whole model by forward passes alone. Every listening layer
/// holds the same list; all of them are perturbed at once, from the untouched weights.
struct ZerothOrder : Statistic {
  static constexpr const char* kName = "zeroth_order";
  static const Pass& pass();
  ZerothOrder(const Layer&, int64_t n, double size, int rademacher, int64_t base_seed,
              int all_parameters = 0)
      : count(n),
        eps(size),
        kind(rademacher ? Directions::Rademacher : Directions::Normal),
        seed(static_cast<uint64_t>(base_seed)),
        everything(all_parameters != 0) {}
  Values values() const override {
    auto p = at::empty({static_cast<int64_t>(differences.size())}, at::kDouble);
    for (size_t i = 0; i < differences.size(); ++i)
      p.mutable_data_ptr<double>()[i] = differences[i].p;
    return {{"p", p}};
  }
  /// Losses and p of each direction (mini_llm.md 2.3).
  Notes notes() const override;

  int64_t count;
  double eps;
  Directions kind;
  uint64_t seed;
  bool everything;  // every parameter of the model is perturbed (as MeZO does), not only the scored
  std::vector<Difference> differences;
};

}  // namespace bench
