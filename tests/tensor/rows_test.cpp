// Row tiles: a row's bits depend on the row alone, for odd widths too.
#include "tensor/rows.h"

#include "test.h"

using namespace bench;

TEST_CASE("linear_rows: the same bits wherever a row stands", "[rows]") {
  at::manual_seed(11);
  for (const int64_t in : {9, 14, 21, 31, 64, 84, 172})
    for (const int64_t out : {1, 2, 5, 10, 11, 12, 17, 64}) {
      INFO(in << " -> " << out);
      const auto x = at::randn({150, in}), w = at::randn({out, in}), b = at::randn({out});
      const auto all = linear_rows(x, w, b);
      REQUIRE(all.sizes() == at::IntArrayRef({150, out}));
      // 1e-4: float32 sums of up to 172 products.
      CHECK((all - at::linear(x, w, b)).abs().max().item<double>() < 1e-4);
      for (const int64_t row : {0, 1, 5, 13, 127, 128, 149}) {
        CHECK(at::equal(linear_rows(x.narrow(0, row, 1), w, b)[0], all[row]));
        CHECK(at::equal(linear_rows(x.narrow(0, 0, row + 1), w, b)[row], all[row]));
      }
    }
}
