#include "data/overlap.h"

#include <algorithm>

namespace bench::text {

namespace {

constexpr uint64_t kPrime = 0x100000001b3;  // FNV-1a
constexpr uint64_t kStart = 0xcbf29ce484222325;

/// Spreads the bits of a word's hash: neighbours in a polynomial must not look alike.
uint64_t mixed(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;  // splitmix64
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

/// One hash a word.
std::vector<uint64_t> words_of(const std::string& text) {
  std::vector<uint64_t> words;
  uint64_t hash = kStart;
  bool inside = false;
  for (const char c : text) {
    const auto lower = static_cast<unsigned char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    const bool part =
        (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9') || lower >= 0x80;
    if (part) {
      hash = (hash ^ lower) * kPrime;
    } else if (inside) {
      words.push_back(mixed(hash));
      hash = kStart;
    }
    inside = part;
  }
  if (inside) words.push_back(mixed(hash));
  return words;
}

}  // namespace

WordGrams::WordGrams(const std::vector<std::string>& texts, size_t words) {
  // A rolling polynomial: the hash of words i+1 ... i+n from that of i ... i+n-1.
  uint64_t highest = 1;
  for (size_t i = 1; i < words; ++i) highest *= kPrime;
  for (const auto& text : texts) {
    const auto all = words_of(text);
    uint64_t hash = 0;
    for (size_t i = 0; i < all.size(); ++i) {
      if (i >= words) hash -= all[i - words] * highest;
      hash = hash * kPrime + all[i];
      if (i + 1 >= words) hashes_.push_back(mixed(hash));
    }
  }
  std::sort(hashes_.begin(), hashes_.end());
}

double WordGrams::share_in(const WordGrams& other) const {
  if (hashes_.empty()) return 0;
  size_t found = 0;
  auto there = other.hashes_.begin();
  for (const auto hash : hashes_) {
    while (there != other.hashes_.end() && *there < hash) ++there;
    if (there == other.hashes_.end()) break;
    found += *there == hash;
  }
  return static_cast<double>(found) / static_cast<double>(hashes_.size());
}

}  // namespace bench::text
