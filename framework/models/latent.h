#pragma once
#include "models/rope.h"
#include "models/source.h"

namespace bench {

/// Queries, keys and values of a batch: [T, heads * width] each.
struct Projected {
  Tensor q, k, v;
};

/// Widths of multi-head latent attention (DeepSeek-V2, arXiv 2405.04434): a head's queries and keys
/// are [nope, rope], the rotated part of the key is one for all heads.
struct LatentForm {
  int64_t query_rank = 0;  // 0: queries are projected at once
  int64_t rank = 0;        // of the latent that keys and values come from
  int64_t nope = 0, rope = 0, value = 0;
  bool bias = false;  // of q_a_proj and kv_a_proj_with_mqa
};

/// The projections of one block.
class Latent {
 public:
  Latent(Source& source, const std::string& at, int64_t heads, int64_t hidden,
         const LatentForm& form);
  Projected operator()(const Tensor& x, const Rope& rope, const Batch& batch) const;
  std::vector<Layer*> layers();
  std::vector<Norm*> norms() { return {&q_norm_, &kv_norm_}; }
  /// Units are heads: the queries', then the keys' and values'.
  Slice queries();
  Slice keys_values();
  /// What reads the residual stream.
  std::vector<Layer*> readers();
  /// What is no head's: the ways down to the latents.
  std::vector<Slice> rest();

 private:
  LatentForm form_;
  Layer q_, q_a_, q_b_, kv_a_, kv_b_;
  Norm q_norm_, kv_norm_;
};

}  // namespace bench
