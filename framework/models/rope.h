#pragma once
#include <map>
#include <nlohmann/json.hpp>

#include "core/batch.h"

namespace bench {

class Source;

/// What a family says of its rotary embedding where config.json does not.
struct RopeForm {
  double theta = 10000;
  double share = 1;         // of a head's dimensions, the first ones, that are rotated
  int64_t dims = 0;         // the same as a number; 0: by the share
  bool neighbours = false;  // pairs (2i, 2i + 1); else (i, i + half)
  std::string kind = {};    // of layers, where config.json says it for each kind: "full_attention"
};

/// Rotary embedding, with the scalings default, linear, dynamic, yarn, longrope and llama3
/// (transformers modeling_rope_utils.py).
class Rope {
 public:
  Rope() = default;
  /// Reads rope_theta, partial_rotary_factor and rope_scaling (4.x) or rope_parameters (5.x). A
  /// setting that both say differently is an Error.
  Rope(Source& source, int64_t head_dim, const RopeForm& form);
  /// Frequencies as they come from theta alone, whatever config.json scales.
  static Rope plain(int64_t head_dim, const RopeForm& form);

  /// Whether config.json says the rotation for each kind of layers (5.x).
  static bool by_kind(Source& source);

  double theta() const { return theta_; }
  bool whole() const { return rotary_ == head_dim_; }
  /// x: [T, heads*d] -> rotated by each token's position.
  Tensor operator()(const Tensor& x, const Batch& batch) const;
  /// Makes the tables long enough; called in stem(), before anything runs in parallel.
  void reach(const Batch& batch) const;
  /// Sequences up to here rotate as they would alone; a longer one changes how its beginning was
  /// rotated (dynamic, longrope). 0: never.
  int64_t steady() const { return steady_; }
  /// yarn's m(mscale_all_dim), by whose square DeepSeek multiplies its scores; else 1.
  double mscale() const { return mscale_; }

 private:
  struct Tables {
    Tensor cos, sin;  // [length, rotary / 2]
  };
  void rotate(int64_t head_dim, double theta, const RopeForm& form, const std::string& where);
  void scale(const nlohmann::json& words, Source& source);
  void scale_yarn(const nlohmann::json& words, Source& source);
  void scale_long(const nlohmann::json& words, Source& source);
  Tables tables(const Tensor& frequencies, int64_t length, const at::Device& device) const;
  Tensor frequencies_for(int64_t length) const;
  const Tables& grown(int64_t n, const at::Device& device) const;
  std::pair<Tensor, Tensor> angles(const Batch& batch) const;

  int64_t head_dim_ = 0, rotary_ = 0, steady_ = 0;
  bool neighbours_ = false;
  double theta_ = 10000, grow_ = 0;  // grow_: the factor of `dynamic`
  double factor_ = 1, mscale_ = 1;   // factor_: of cos and sin
  Tensor frequencies_, long_;        // [rotary / 2] float32; long_: beyond steady_
  mutable Tables usual_;
  mutable std::map<int64_t, Tables> grown_;  // of sequences beyond steady_, by length
};

}  // namespace bench
