#pragma once
#include "tensor/tensor.h"

namespace bench {

/// Slopes for n heads: powers of 2^(-8/c) for the largest power of two c <= n, then odd powers of
/// 2^(-4/c) for the rest (golden/README 1): BLOOM, Falcon.
Tensor alibi_slopes(int64_t heads);

/// The same for the smallest power of two N >= n: s_h = 2^(-8h/N); of more than n the even ones
/// come first (transformers models/mpt/modeling_mpt.py, build_mpt_alibi_tensor).
Tensor alibi_slopes_of_more(int64_t heads);

}  // namespace bench
