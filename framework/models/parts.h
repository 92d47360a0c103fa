#pragma once
#include "base/error.h"
#include "core/model.h"
#include "tensor/rows.h"
#include "models/checkpoint.h"

namespace bench {

class Source;

/// Weight and, where the file has one, bias of a linear or conv layer.
Layer take_layer(const Checkpoint& c, const std::string& name);

/// LayerNorm or RMSNorm (no bias), row by row.
struct Norm {
  std::string name;
  Tensor weight, bias;  // undefined: 1 and 0
  double eps = 1e-5;
  bool rms = false;
  Tensor alive = {};   // bool [hidden]: channels it averages over, where some are masked
  Tensor turned = {};  // float64 [2], on a turned stream (core/stream.h): width and eps
  Tensor operator()(const Tensor& x) const;

 private:
  /// The same over the channels that are left alone: what the norm of the shrunk model gives.
  Tensor over_alive(const Tensor& x) const;
  Tensor on_turned(const Tensor& x) const;
};

/// silu | gelu (erf) | gelu_tanh | relu; the config's own spellings are mapped by activation().
using Activation = Tensor (*)(const Tensor&);
Activation activation(const std::string& name, const std::string& where);
/// f(x) by row tiles, so that vector and scalar code paths fall the same way for every batch.
/// f, whose layers are `layers`, over row tiles from end to end, so that what lies between the
/// layers stays in the cache; over all rows at once where somebody looks into a layer (tap, lens)
/// or differentiates. Same bits either way.
Tensor by_rows(const Tensor& x, std::initializer_list<const Layer*> layers,
               const std::function<Tensor(const Tensor&)>& f);

inline Tensor apply(Activation f, const Tensor& x) {
  return rowwise(x, f);
}

struct Attention {
  int64_t head_dim;
  int64_t block;       // whose keys and values are kept, where the batch has a past
  int64_t window = 0;  // a position sees itself and the window - 1 before it; 0: all before it
  Tensor slopes;       // [heads]: ALiBi bias slope * key position; undefined without
  double scale = 0;    // of the products; 0: 1 / sqrt(head_dim)
};
/// Part i of a fused projection whose rows are [q, k, v] head by head: [T, heads*3*d] -> [T,
/// heads*d].
Tensor fused_part(const Tensor& fused, int64_t i, int64_t head_dim);
/// Causal attention inside each sequence of a ragged batch. q: [T, heads*d], k, v: [T, kv*d], query
/// head h reads key/value head h / (heads/kv); -> [T, heads*d]. A segment with a parent sees its
/// ancestors, a sequence with a past what was before.
Tensor attend(const Tensor& q, const Tensor& k, const Tensor& v, const Batch& batch,
              const Attention& how);

/// Rotary embedding of transformers: halves of the first `rotary` dimensions of a head are paired.
class Rope {
 public:
  Rope() = default;
  /// Reads rope_scaling (4.x) or rope_parameters (5.x): default, linear, llama3. theta and the
  /// share of a head's dimensions that is rotated hold where those do not say.
  Rope(Source& source, int64_t head_dim, double theta, double share);
  bool whole() const { return rotary_ == head_dim_; }
  /// x: [T, heads*d] -> rotated by each token's position.
  Tensor operator()(const Tensor& x, const Tensor& positions) const;
  /// Makes the tables long enough; called in stem(), before anything runs in parallel.
  void reach(const Tensor& positions) const;

 private:
  int64_t head_dim_ = 0, rotary_ = 0;
  Tensor frequencies_;        // [rotary/2] float32
  mutable Tensor cos_, sin_;  // [length, rotary]
};

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
