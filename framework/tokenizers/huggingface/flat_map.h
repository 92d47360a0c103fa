#pragma once
#include <cstdint>
#include <vector>

namespace bench::text {

/// Integers to integers by open addressing; grows, never shrinks. Merges and tries are looked up
/// millions of times a text, which std::unordered_map makes the most expensive part of encoding.
class FlatMap {
 public:
  static constexpr uint64_t kNone = ~uint64_t{0};  ///< not a key; what find() says of absent keys

  void insert(uint64_t key, uint64_t value) {
    if (2 * (count_ + 1) > cells_.size()) grow();
    Cell& cell = cells_[place(key)];
    count_ += cell.key == kNone;
    cell = {key, value};
  }

  uint64_t find(uint64_t key) const {
    if (cells_.empty()) return kNone;
    const Cell& cell = cells_[place(key)];
    return cell.key == key ? cell.value : kNone;
  }

 private:
  struct Cell {
    uint64_t key = kNone, value = kNone;
  };

  size_t place(uint64_t key) const {
    const size_t mask = cells_.size() - 1;
    size_t at = (key * 0x9E3779B97F4A7C15u >> 20) & mask;
    while (cells_[at].key != key && cells_[at].key != kNone) at = (at + 1) & mask;
    return at;
  }

  void grow() {
    std::vector<Cell> old(cells_.empty() ? 16 : 2 * cells_.size());
    old.swap(cells_);
    for (const Cell& cell : old)
      if (cell.key != kNone) cells_[place(cell.key)] = cell;
  }

  std::vector<Cell> cells_;
  size_t count_ = 0;
};

}  // namespace bench::text
