#pragma once
#include <cstdint>

namespace bench::kernels {

constexpr int64_t kSumLanes = 16;

/// The sum of a softmax while logits [rows, columns] arrive a few at a time: sums [rows, kSumLanes]
/// <- sums exp(before - most) + exp(logits - most), column c into lane c mod kSumLanes, one after
/// the other in float32. before, most: [rows], the largest logits without and with these.
///
/// That is the order in which LibTorch's log_softmax adds on a processor with vectors of 16, and
/// so it loses the same small terms beside large ones: 8e-6 of a logarithm over 49,152 classes,
/// always in the same direction, which recorded log-likelihoods hold.
void add_exponentials(const float* logits, int64_t rows, int64_t columns, const float* before,
                      const float* most, float* sums);

}  // namespace bench::kernels
