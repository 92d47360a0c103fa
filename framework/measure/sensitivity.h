#pragma once
#include "core/borrowed.h"
#include "core/criterion.h"

namespace bench {

// What passes share that differentiate a loss by weights themselves.

/// The weights of those layers as leaves until the end of the scope, behind them the vectors of the
/// model (biases, norms) where they are asked for.
class WeightLeaves {
 public:
  template <class T>
  WeightLeaves(Model& model, Heard<T> heard, bool with_vectors = false)
      : WeightLeaves(model, layers_of(heard), with_vectors) {}
  WeightLeaves(Model& model, const std::vector<Layer*>& layers, bool with_vectors = false)
      : grad_(true) {
    for (Layer* l : layers) all.push_back(borrowed_.leaf(l->weight));
    if (!with_vectors) return;
    for (auto& t : model.tensors())
      if (t.parameter && t.tensor->defined() && t.tensor->dim() == 1) {
        all.push_back(borrowed_.leaf(*t.tensor));
        vectors.push_back(t.name);
      }
  }

  std::vector<Tensor> all;           // in the order of those that are heard
  std::vector<std::string> vectors;  // names of those behind the layers

 private:
  template <class T>
  static std::vector<Layer*> layers_of(Heard<T> heard) {
    std::vector<Layer*> layers;
    for (const auto& [layer, s] : heard) layers.push_back(layer);
    return layers;
  }

  at::AutoGradMode grad_;
  Borrowed borrowed_;
};

inline void add_to(std::vector<Tensor>& sum, const std::vector<Tensor>& more) {
  if (sum.empty())
    sum = more;
  else
    for (size_t i = 0; i < sum.size(); ++i) sum[i] = sum[i] + more[i];
}

/// All floating tensors of a model in float64 until the end of the borrower's scope.
inline void widen(Borrowed& borrowed, Model& model) {
  for (auto& t : model.tensors())
    if (t.tensor->defined() && t.tensor->is_floating_point())
      borrowed.tensor(*t.tensor) = t.tensor->to(at::kDouble);
}
/// The batch for such a model.
inline Batch widened(Batch batch) {
  if (batch.images.defined()) batch.images = batch.images.to(at::kDouble);
  return batch;
}

inline Key dtype_key(const char* fallback) {
  return key("dtype", fallback, "arithmetic of the scoring pass").one_of({"float32", "float64"});
}

inline Key mode_key() {
  return key("mode", "eval", "batch norms: eval: running statistics; train: the batch's own")
      .one_of({"eval", "train"});
}

}  // namespace bench
