#include "slurm/shares.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <random>
#include <set>

#include "test.h"

using bench::slurm::deal;
using bench::slurm::Piece;
using Shares = std::vector<std::vector<size_t>>;

namespace {

std::vector<Piece> pieces(const std::string& groups) {
  std::vector<Piece> all;
  for (const char c : groups) all.push_back({std::string(1, c), 1});
  return all;
}
double cost_of(const std::vector<size_t>& share, const std::vector<Piece>& all) {
  return std::accumulate(share.begin(), share.end(), 0.0,
                         [&](double sum, size_t t) { return sum + all[t].cost; });
}

}  // namespace

TEST_CASE("trials that share their work stay together", "[shares]") {
  CHECK(deal(pieces("aabbccdd"), 4) == Shares{{0, 1}, {2, 3}, {4, 5}, {6, 7}});
  CHECK(deal(pieces("abcdabcd"), 4) == Shares{{0, 4}, {1, 5}, {2, 6}, {3, 7}});
  CHECK(deal(pieces("aab"), 2) == Shares{{0, 2}, {1}});  // a is more than half of the work: parted
  CHECK(deal(pieces("aaaaaaaa"), 4) == Shares{{0, 1}, {2, 3}, {4, 5}, {6, 7}});
}

TEST_CASE("no more elements than trials, and no share is empty", "[shares]") {
  CHECK(deal(pieces("abc"), 10) == Shares{{0}, {1}, {2}});
  CHECK(deal({}, 3).empty());
  CHECK(deal(pieces("a"), 0).empty());
  CHECK(deal(pieces("aaab"), 1) == Shares{{0, 1, 2, 3}});
}

TEST_CASE("costs that are unknown or absurd lose no trial", "[shares]") {
  const double none = std::numeric_limits<double>::quiet_NaN();
  const double endless = std::numeric_limits<double>::infinity();
  const auto shares =
      deal({{"a", none}, {"a", endless}, {"b", -1}, {"b", 0}, {"c", 1e300}, {"c", 1}}, 3);
  size_t count = 0;
  for (const auto& s : shares) count += s.size();
  CHECK(count == 6);
}

TEST_CASE("every trial is in one share; shares are in order and about equal", "[shares]") {
  std::mt19937 random(7);
  for (int round = 0; round < 500; ++round) {
    std::vector<Piece> all(1 + random() % 60);
    for (auto& p : all)
      p = {std::string(1, static_cast<char>('a' + random() % 5)), 1.0 + double(random() % 100)};
    const size_t elements = 1 + random() % 12;
    const auto shares = deal(all, elements);
    REQUIRE(!shares.empty());
    CHECK(shares.size() <= elements);
    std::set<size_t> seen;
    double whole = 0, dearest = 0;
    for (const auto& p : all) whole += p.cost, dearest = std::max(dearest, p.cost);
    const double part = whole / double(std::min(elements, all.size()));
    for (const auto& share : shares) {
      REQUIRE(!share.empty());
      CHECK(std::is_sorted(share.begin(), share.end()));
      seen.insert(share.begin(), share.end());
      // A lot is at most one part and half a trial on either side; the least laden takes it.
      CHECK(cost_of(share, all) <= 2 * part + 2 * dearest);
    }
    CHECK(seen.size() == all.size());
    CHECK(deal(all, elements) == shares);
  }
}

TEST_CASE("the costliest goes first, to whoever has least", "[shares]") {
  const std::vector<Piece> all{{"a", 5}, {"b", 9}, {"c", 4}, {"d", 10}, {"e", 1}, {"f", 1}};
  CHECK(deal(all, 3) == Shares{{3}, {1, 4}, {0, 2, 5}});
}
