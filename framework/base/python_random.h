#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace bench {

/// CPython's random.Random, bit for bit (Modules/_randommodule.c, Lib/random.py): sampling that
/// must match a paper's script comes from here and from nowhere else. Vectors: evaluation.md 3.1.
class PythonRandom {
 public:
  explicit PythonRandom(uint64_t seed);

  uint32_t getrandbits(int bits);  // 1..32
  double random();                 // [0, 1), 53 bits
  int64_t below(int64_t n);        // _randbelow: [0, n)
  int64_t randint(int64_t low, int64_t high) { return low + below(high - low + 1); }
  /// Positions of sample(range(n), k).
  std::vector<int64_t> sample(int64_t n, int64_t k);
  /// Positions of choices(range(n), k=k).
  std::vector<int64_t> choices(int64_t n, int64_t k);

  template <class T>
  void shuffle(std::vector<T>& items) {
    for (auto i = static_cast<int64_t>(items.size()) - 1; i > 0; --i)
      std::swap(items[static_cast<size_t>(i)], items[static_cast<size_t>(below(i + 1))]);
  }

 private:
  uint32_t next();
  void seed_words(const std::vector<uint32_t>& key);
  std::array<uint32_t, 624> state_;
  size_t at_ = 624;
};

}  // namespace bench
