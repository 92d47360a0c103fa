#pragma once
#include <cstdint>

namespace bench::kernels {

/// One sequence's causal attention: query i stands at key position keys - queries + i and sees the
/// keys up to there.
struct AttentionShape {
  int64_t queries, keys, heads, kv_heads, head_dim;
  int64_t q_stride, k_stride, v_stride;  // elements from one row to the next
  int64_t window;                        // a query sees so many keys, itself the last; 0: all
  float scale;                           // of q k^T
  const float* slopes;  // [heads]: slope times key position is added (ALiBi); null: nothing
};

constexpr int64_t kMaxHeadDim = 32;

/// out [queries, heads * head_dim] = softmax(scale q k^T + bias) v, head by head; head h reads the
/// keys of head h * kv_heads / heads. Rows of q, k and v are tokens. head_dim <= kMaxHeadDim.
///
/// A row's bits depend on its own query and keys alone: not on the other rows, nor on the threads.
/// The exponential is within 2 ulp. NaN and infinity come out as NaN, as they do elsewhere.
void causal_attention(const float* q, const float* k, const float* v, const AttentionShape& shape,
                      float* out);

}  // namespace bench::kernels
