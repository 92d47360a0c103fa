#include <numeric>

#include "test.h"

#include "core/pattern.h"

using namespace bench;

namespace {

/// The definition: sort stably, drop the first `count`.
Tensor naive(const Tensor& score, int64_t count) {
  auto keep = at::ones(score.sizes(), at::kBool);
  const auto order = std::get<1>(at::sort(score, /*stable=*/true, 0, false));
  return keep.index_fill_(0, order.slice(0, 0, count), false);
}

Tensor with_ties(int64_t n, int64_t distinct) {
  return at::randint(distinct, {n}).to(at::kFloat) - static_cast<double>(distinct / 2);
}

}  // namespace

TEST_CASE("selection drops exactly the asked number, of equals the lower index first", "[select]") {
  at::manual_seed(1);
  for (const int64_t n : {1, 2, 63, 64, 65, 1000, 20000})
    for (const int64_t distinct : {1, 3, 50, 1000000}) {
      const auto s = with_ties(n, distinct) * 1.37;
      for (const int64_t count : {int64_t{0}, n / 3, n / 2, n - 1, n}) {
        INFO("n " << n << ", distinct " << distinct << ", count " << count);
        CHECK(select_units(s, count).equal(naive(s, count)));
      }
    }
}

TEST_CASE("selection is exact where its sample misleads it, and on whole layers", "[select]") {
  at::manual_seed(4);
  // The sample of find_cut stands at these places: all of it lies above, or below, the cut.
  for (const float odd : {1e9f, -1e9f}) {
    auto s = at::rand({20000});
    for (int64_t i = 0; i < 256; ++i) s[(2 * i + 1) * 20000 / 512] = odd;
    for (const int64_t count : {300, 10000, 19700})
      CHECK(select_units(s, count).equal(naive(s, count)));
  }
  const auto layer = with_ties(int64_t{1} << 21, 1000000);
  CHECK(select_units(layer, 1000001).equal(naive(layer, 1000001)));
}

TEST_CASE("negative zero equals zero and -inf goes first", "[select]") {
  const auto s = at::tensor({0.0f, -0.0f, 1.0f, -INFINITY});
  CHECK(select_units(s, 2).equal(at::tensor({0, 1, 1, 0}).to(at::kBool)));
}

TEST_CASE("a NaN score is an error, never a silent choice", "[select]") {
  const auto why = test::error_of([] { select_units(at::tensor({1.0f, NAN}), 1); });
  CHECK(test::contains(why, "NaN"));
}

TEST_CASE("rows compete by themselves; counts are int(columns * ratio)", "[select]") {
  at::manual_seed(2);
  const auto s = with_ties(7 * 172, 40).reshape({7, 172});
  const auto keep = select(s, Contest::Row, 0.7);
  for (int64_t r = 0; r < 7; ++r) CHECK(keep[r].equal(naive(s[r], 120)));  // 172 * 0.7 = 120.4
}

TEST_CASE("n:m keeps n of m; a short last group keeps its share, or loses min(m - n, its length)",
          "[select]") {
  at::manual_seed(3);
  const auto s = with_ties(5 * 172, 9).reshape({5, 172});
  for (const auto& [n, m] : std::vector<std::pair<int64_t, int64_t>>{
           {2, 4}, {4, 8}, {1, 4}, {3, 4}, {5, 16}, {3, 64}, {7, 512}})
    for (const bool removed : {false, true}) {
      CAPTURE(n, m, removed);
      const auto keep = select_nm(s, n, m, removed);
      for (int64_t r = 0; r < 5; ++r)
        for (int64_t c = 0; c < 172; c += m) {
          const auto width = std::min(m, 172 - c);
          const auto drop =
              width == m || removed ? std::min(m - n, width) : width - (width * n + m - 1) / m;
          CHECK(keep[r].narrow(0, c, width).equal(naive(s[r].narrow(0, c, width), drop)));
        }
    }
}

TEST_CASE("units that go follow LLM-Pruner's local rule", "[select]") {
  CHECK(removed_units(11008, 1, 0.25) == 2752);
  CHECK(removed_units(11008, 1, 0.40) == 4404);
  CHECK(removed_units(11008, 1, 0.60) == 6605);
  CHECK(removed_units(32, 128, 0.60) == 19);
  CHECK(removed_units(32, 128, 0.30) == 9);  // BLOOM-7b1
  CHECK(removed_units(32, 128, 0.70) == 22);
  CHECK(removed_units(16384, 1, 0.70) == 11469);
  CHECK(removed_units(4, 8, 1.0) == 3);  // never all
}

TEST_CASE("the reference rule removes everything up to the threshold", "[select]") {
  const auto s = at::tensor({1.0f, 2.0f, 2.0f, 3.0f}).reshape({2, 2});
  CHECK(select_threshold(s, 0.25).sum().item<int64_t>() == 1);  // threshold 2: one asked, three go
}
