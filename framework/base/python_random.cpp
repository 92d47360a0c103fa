#include "base/python_random.h"

#include <cmath>
#include <numeric>
#include <unordered_set>

namespace bench {

PythonRandom::PythonRandom(uint64_t seed) {
  std::vector<uint32_t> key{static_cast<uint32_t>(seed)};
  if (seed >> 32) key.push_back(static_cast<uint32_t>(seed >> 32));
  seed_words(key);
}

void PythonRandom::seed_words(const std::vector<uint32_t>& key) {  // init_by_array
  state_[0] = 19650218u;
  for (uint32_t i = 1; i < 624; ++i)
    state_[i] = 1812433253u * (state_[i - 1] ^ (state_[i - 1] >> 30)) + i;
  size_t i = 1, j = 0;
  for (size_t k = std::max<size_t>(624, key.size()); k > 0; --k) {
    state_[i] = (state_[i] ^ ((state_[i - 1] ^ (state_[i - 1] >> 30)) * 1664525u)) + key[j] +
                static_cast<uint32_t>(j);
    if (++i >= 624) state_[0] = state_[623], i = 1;
    if (++j >= key.size()) j = 0;
  }
  for (size_t k = 623; k > 0; --k) {
    state_[i] = (state_[i] ^ ((state_[i - 1] ^ (state_[i - 1] >> 30)) * 1566083941u)) -
                static_cast<uint32_t>(i);
    if (++i >= 624) state_[0] = state_[623], i = 1;
  }
  state_[0] = 0x80000000u;
}

uint32_t PythonRandom::next() {
  if (at_ >= 624) {
    for (size_t k = 0; k < 624; ++k) {
      const uint32_t y = (state_[k] & 0x80000000u) | (state_[(k + 1) % 624] & 0x7fffffffu);
      state_[k] = state_[(k + 397) % 624] ^ (y >> 1) ^ ((y & 1u) ? 0x9908b0dfu : 0u);
    }
    at_ = 0;
  }
  uint32_t y = state_[at_++];
  y ^= y >> 11;
  y ^= (y << 7) & 0x9d2c5680u;
  y ^= (y << 15) & 0xefc60000u;
  return y ^ (y >> 18);
}

uint32_t PythonRandom::getrandbits(int bits) {
  return next() >> (32 - bits);
}

double PythonRandom::random() {
  const uint32_t a = next() >> 5, b = next() >> 6;
  return (static_cast<double>(a) * 67108864.0 + static_cast<double>(b)) / 9007199254740992.0;
}

int64_t PythonRandom::below(int64_t n) {
  int bits = 0;
  for (auto m = static_cast<uint64_t>(n); m; m >>= 1) ++bits;
  if (bits == 0) return 0;
  for (;;) {
    uint64_t r = 0;
    if (bits <= 32) {
      r = getrandbits(bits);
    } else {  // least significant word first
      r = next();
      r |= static_cast<uint64_t>(getrandbits(bits - 32)) << 32;
    }
    if (r < static_cast<uint64_t>(n)) return static_cast<int64_t>(r);
  }
}

std::vector<int64_t> PythonRandom::sample(int64_t n, int64_t k) {
  std::vector<int64_t> out;
  int64_t setsize = 21;
  if (k > 5)
    setsize += static_cast<int64_t>(
        std::pow(4.0, std::ceil(std::log(static_cast<double>(k) * 3) / std::log(4.0))));
  if (n <= setsize) {
    std::vector<int64_t> pool(static_cast<size_t>(n));
    std::iota(pool.begin(), pool.end(), 0);
    for (int64_t i = 0; i < k; ++i) {
      const auto j = static_cast<size_t>(below(n - i));
      out.push_back(pool[j]);
      pool[j] = pool[static_cast<size_t>(n - i - 1)];
    }
    return out;
  }
  std::unordered_set<int64_t> taken;
  for (int64_t i = 0; i < k; ++i) {
    auto j = below(n);
    while (!taken.insert(j).second) j = below(n);
    out.push_back(j);
  }
  return out;
}

std::vector<int64_t> PythonRandom::choices(int64_t n, int64_t k) {
  std::vector<int64_t> out;
  for (int64_t i = 0; i < k; ++i)
    out.push_back(static_cast<int64_t>(std::floor(random() * static_cast<double>(n))));
  return out;
}

}  // namespace bench
