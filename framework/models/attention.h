#pragma once
#include "core/batch.h"

namespace bench {

/// Who sees whom inside a sequence.
struct Mask {
  enum Kind {
    Causal,  // itself and all before it
    Window,  // itself and the size - 1 before it
    Full,    // all
    Prefix   // itself and all before it; the first `size` positions see one another
  };
  Kind kind = Causal;
  int64_t size = 0;
  /// A window of `size`, or causal for 0.
  static Mask window(int64_t size) { return size > 0 ? Mask{Window, size} : Mask{}; }
};

struct Attention {
  int64_t head_dim;  // of queries and keys
  int64_t block;     // whose keys and values are kept, where the batch has a past
  Mask mask;
  Tensor slopes;               // [heads]: ALiBi bias slope * key position; undefined without
  double scale = 0;            // of the products; 0: 1 / sqrt(head_dim)
  int64_t value_dim = 0;       // 0: head_dim
  double cap = 0;              // a score s becomes cap * tanh(s / cap), before the mask; 0: stays s
  Tensor sinks;                // [heads]: one score more per head, dropped behind the softmax
  bool scaled_slopes = false;  // Falcon: slope * position in bfloat16, scaled as the products are
};

/// Attention inside each sequence of a ragged batch. q: [T, heads*d], k: [T, kv*d], v: [T,
/// kv*value_dim], query head h reads key/value head h / (heads/kv); -> [T, heads*value_dim]. A
/// segment with a parent sees its ancestors, a sequence with a past what was before.
Tensor attend(const Tensor& q, const Tensor& k, const Tensor& v, const Batch& batch,
              const Attention& how);

/// Part i of a fused projection whose rows are [q, k, v] head by head: [T, heads*3*d] -> [T,
/// heads*d].
Tensor fused_part(const Tensor& fused, int64_t i, int64_t head_dim);

}  // namespace bench
