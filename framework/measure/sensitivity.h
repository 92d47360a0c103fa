#pragma once
#include "core/criterion.h"

namespace bench {

// What passes share that differentiate a loss by weights themselves.

/// The weights of those layers as leaves until the end of the scope, behind them the vectors of the
/// model (biases, norms) where they are asked for.
class WeightLeaves {
 public:
  WeightLeaves(Model& model, std::vector<Layer*> of, bool with_vectors = false)
      : layers(std::move(of)), grad_(true), before_(model), model_(model) {
    for (Layer* l : layers) take(l->weight);
    if (!with_vectors) return;
    for (auto& t : model.tensors())
      if (t.parameter && t.tensor->defined() && t.tensor->dim() == 1) {
        take(*t.tensor);
        vectors.push_back(t.name);
      }
  }
  ~WeightLeaves() { before_.restore(model_); }
  WeightLeaves(const WeightLeaves&) = delete;
  WeightLeaves& operator=(const WeightLeaves&) = delete;

  std::vector<Layer*> layers;
  std::vector<Tensor> all;
  std::vector<std::string> vectors;  // names of all[layers.size()] and on

 private:
  void take(Tensor& t) { all.push_back(t = t.detach().requires_grad_()); }

  at::AutoGradMode grad_;
  Snapshot before_;
  Model& model_;
};

inline void add_to(std::vector<Tensor>& sum, const std::vector<Tensor>& more) {
  if (sum.empty())
    sum = more;
  else
    for (size_t i = 0; i < sum.size(); ++i) sum[i] = sum[i] + more[i];
}

/// Statistics by their flag `train`, then by layer: a pass runs once for each.
template <class T>
std::map<bool, std::map<Layer*, std::vector<T*>>> by_mode(const Listeners& stats) {
  std::map<bool, std::map<Layer*, std::vector<T*>>> all;
  for (const auto& [layer, list] : stats)
    for (auto* s : list) {
      auto* mine = static_cast<T*>(s);
      all[mine->train][layer].push_back(mine);
    }
  return all;
}

inline Key mode_key() {
  return key("mode", "eval", "batch norms: eval: running statistics; train: the batch's own")
      .one_of({"eval", "train"});
}

}  // namespace bench
