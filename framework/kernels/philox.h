#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <string_view>

namespace bench::kernels {

// Addressable random numbers of the zeroth-order gradient: Philox4x32-10 (Salmon et al. 2011),
// fixed bit by bit in docs/streams.md. Element e of a tensor depends on (seed, name, e) alone.

enum class Purpose : uint32_t { Direction = 1, RandomCriterion = 3, Training = 4 };

struct Stream {
  uint64_t seed;
  uint32_t name_hash;  // fnv1a of the state-dict name
  Purpose purpose;
};

uint32_t fnv1a(std::string_view name);
std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

/// out[i] = element begin + i of the stream; standard normal (Box-Muller in float64, rounded once).
void fill_normal(const Stream& stream, int64_t begin, int64_t count, float* out);
/// +1 or -1 by the lowest bit of the element's word.
void fill_rademacher(const Stream& stream, int64_t begin, int64_t count, float* out);
/// word * 2^-32, in [0, 1), exact in float64.
void fill_uniform(const Stream& stream, int64_t begin, int64_t count, double* out);

/// Gets the values of elements [begin, begin + count).
using UseValues = std::function<void(int64_t begin, int64_t count, const float* values)>;
/// Normals or signs of elements [0, count) for a use that stores none of them: part by part while
/// they are in the cache, on all threads.
void each_direction(const Stream& stream, bool rademacher, int64_t count, const UseValues& use);

}  // namespace bench::kernels
