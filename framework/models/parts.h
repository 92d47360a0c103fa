#pragma once
#include "base/error.h"
#include "core/model.h"
#include "models/checkpoint.h"
#include "tensor/rows.h"

namespace bench {

class Source;

/// Weight and, where the file has one, bias of a linear or conv layer.
Layer take_layer(const Checkpoint& c, const std::string& name);

/// LayerNorm or RMSNorm (no bias), row by row; one without a name is none.
struct Norm {
  std::string name;
  Tensor weight, bias;  // undefined: 1 and 0
  double eps = 1e-5;
  bool rms = false;
  bool one_more = false;  // what multiplies is 1 + weight
  Tensor alive = {};      // bool [hidden]: channels it averages over, where some are masked
  Tensor turned = {};     // float64 [2], on a turned stream (core/stream.h): width and eps
  Tensor operator()(const Tensor& x) const;
  /// Of each head by itself. x: [T, heads*d]; weight: [d], shared, or [heads, d].
  Tensor by_head(const Tensor& x, int64_t head_dim) const;

 private:
  Tensor factor() const {
    return one_more && weight.defined() ? at_least_float(weight) + 1 : weight;
  }
  /// The same over the channels that are left alone: what the norm of the shrunk model gives.
  Tensor over_alive(const Tensor& x) const;
  Tensor on_turned(const Tensor& x) const;
};

/// silu | gelu (erf) | gelu_tanh | relu | relu2 (squared); the config's own spellings are mapped by
/// activation().
using Activation = Tensor (*)(const Tensor&);
Activation activation(const std::string& name, const std::string& where);
/// f(x) by row tiles, so that vector and scalar code paths fall the same way for every batch.
/// f, whose layers are `layers`, over row tiles from end to end, so that what lies between the
/// layers stays in the cache; over all rows at once where somebody looks into a layer (tap, lens)
/// or differentiates. Same bits either way.
Tensor by_rows(const Tensor& x, at::ArrayRef<const Layer*> layers,
               const std::function<Tensor(const Tensor&)>& f);

inline Tensor apply(Activation f, const Tensor& x) {
  return rowwise(x, f);
}

/// Keys of a config with a fallback; a wrong type is a sentence with the folder.
template <class T>
T setting(const Checkpoint& c, const char* key, T fallback) {
  const auto it = c.config.find(key);
  if (it == c.config.end() || it->is_null()) return fallback;
  try {
    return it->get<T>();
  } catch (const nlohmann::json::exception&) {
    fail("{}/config.json: {} has the value {}, which is of the wrong type", c.folder.string(), key,
         it->dump());
  }
}
template <class T>
T setting(const Checkpoint& c, const char* key) {
  const auto it = c.config.find(key);
  if (it == c.config.end() || it->is_null())
    fail("{}/config.json: the key {} is missing", c.folder.string(), key);
  return setting<T>(c, key, T{});
}

/// Shape checks with one sentence: what the config says against what the file holds.
void expect_shape(const Checkpoint& c, const Tensor& t, const std::string& name,
                  at::IntArrayRef shape);

}  // namespace bench
