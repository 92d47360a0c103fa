#pragma once
#include "core/model.h"
#include "tensor/pages.h"

namespace bench {

// Residency: where weights are while nobody reads them. Whole: in memory. By block: in the
// checkpoint, or in a scratch file, and in memory while the block that has them runs. It cannot
// change a bit of any result.

/// Puts a layer where it belongs after it changed. A mask is a byte a weight and read seldom: it
/// never stays in memory, where it is large (tensor/pages.h).
inline void settle(const Model& model, Layer& layer) {
  layer.mask = stow(layer.mask);
  rest(layer.mask);
  if (!model.by_block) return;
  const auto format = layer.quantised() ? layer.format : nullptr;
  layer.weight = stow(layer.weight);
  if (format) layer.describe(*format);  // the same weight in another place
  rest(layer.weight);
}

/// A layer was read to be counted or hashed, and need not stay for that.
inline void rest(const Layer& layer) {
  rest(layer.weight);
  rest(layer.mask);
}

/// The same of every tensor.
inline void settle(Model& model) {
  if (!model.by_block) return;
  for (Layer* l : model.layers()) settle(model, *l);
  for (auto& t : model.tensors()) {
    *t.tensor = stow(*t.tensor);
    rest(*t.tensor);
  }
}

}  // namespace bench
