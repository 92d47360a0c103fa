#pragma once
#include <functional>
#include <vector>

#include "core/layer.h"

namespace bench {

/// What a measurement lends itself from a model, all of it given back, last first, however its
/// scope ends: the one guard behind "leaves no trace".
class Borrowed {
 public:
  Borrowed() = default;
  ~Borrowed() { give_back(); }
  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;

  /// The handle may be replaced until the end of the scope.
  Tensor& tensor(Tensor& place) { return keep(place); }
  /// A leaf of the graph in place of the tensor, float32 or wider.
  Tensor& leaf(Tensor& place) {
    return keep(place) = at_least_float(place.detach()).requires_grad_();
  }
  void tap(Layer& layer, std::function<void(const Tensor& x, const Tensor& which)> f) {
    keep(layer.tap) = std::move(f);
  }
  /// One lens a layer: it takes the place of one that hangs there already.
  void lens(Layer& layer, std::function<Tensor(const Layer&, const Tensor& x)> f) {
    keep(layer.lens) = std::move(f);
  }
  void gate(Layer& layer, Tensor g) { keep(layer.gate) = std::move(g); }

  void give_back() {
    while (!restore_.empty()) {
      restore_.back()();
      restore_.pop_back();
    }
  }

 private:
  template <class T>
  T& keep(T& place) {
    restore_.emplace_back([&place, before = place] { place = before; });
    return place;
  }
  std::vector<std::function<void()>> restore_;
};

/// y as the layer's own weight gives it: for use inside a lens. Its tap has heard x already.
inline Tensor without_lens(const Layer& layer, const Tensor& x) {
  auto bare = layer;
  bare.lens = nullptr;
  bare.tap = nullptr;
  return bare(x);
}

}  // namespace bench
