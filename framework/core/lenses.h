#pragma once
#include <vector>

#include "core/layer.h"

namespace bench {

/// Lenses of some layers for as long as this lives, however its scope ends. One lens a layer.
class Lenses {
 public:
  Lenses() = default;
  ~Lenses() { clear(); }
  Lenses(const Lenses&) = delete;
  Lenses& operator=(const Lenses&) = delete;

  /// `lens` takes the place of one that hangs there already.
  template <class F>
  void hang(Layer& layer, F&& lens) {
    layer.lens = std::forward<F>(lens);
    layers_.push_back(&layer);
  }
  void clear() {
    for (Layer* l : layers_) l->lens = nullptr;
    layers_.clear();
  }

 private:
  std::vector<Layer*> layers_;
};

/// y as the layer's own weight gives it: for use inside a lens. Its tap has heard x already.
inline Tensor without_lens(const Layer& layer, const Tensor& x) {
  auto bare = layer;
  bare.lens = nullptr;
  bare.tap = nullptr;
  return bare(x);
}

}  // namespace bench
