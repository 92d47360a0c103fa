// The least-squares repair of removed columns: by hand, and as the fit that is best.
#include "core/update.h"
#include "criteria/by_hand.h"

using namespace bench;
using namespace bench::test;

namespace {

std::unique_ptr<Update> squares(double damping) {
  return Registry<Update>::instance().create("least_squares",
                                             Value{Value::Map{{"damping", damping}}});
}

}  // namespace

TEST_CASE("least_squares moves the kept weight by hand's step", "[criteria]") {
  auto l = layer("l", {{3, 1}});
  auto mask = matrix({{0, 1}}).to(at::kBool);
  repair(*squares(0.01), l, mask, with_gram(l, matrix({{2, 1}, {1, 2}})));
  l.set_mask(mask);
  CHECK(near(l.matrix(), matrix({{0, float(1 + 3 / 2.02)}})));  // 1 + 3 H01 / (H11 + 0.02)
}

TEST_CASE("least_squares: no other weights on the kept columns fit better", "[criteria]") {
  at::manual_seed(5);
  const auto mix = at::randn({8, 8});
  const auto x = at::randn({200, 8}).mm(mix);
  Layer l;
  l.name = "l", l.weight = at::randn({5, 8});
  const auto y = x.mm(l.weight.t());
  auto mask = at::ones({5, 8}, at::kBool);
  mask.select(1, 2).fill_(false), mask.select(1, 7).fill_(false);
  const auto plain = l.weight.masked_fill(~mask, 0);
  repair(*squares(1e-8), l, mask, with_gram(l, x.t().mm(x)));
  l.set_mask(mask);
  const auto error = [&](const Tensor& w) {
    return (x.mm(w.t()) - y).square().sum().item<double>();
  };
  const auto best = error(l.weight);
  CHECK(best < error(plain));
  for (int i = 0; i < 20; ++i)
    CHECK(error(l.weight + 1e-2 * at::randn({5, 8}).masked_fill(~mask, 0)) > best);
}

TEST_CASE("least_squares leaves layers alone that lose rows, and refuses single weights",
          "[criteria]") {
  auto l = layer("l", {{3, 1}, {2, 4}});
  auto rows = matrix({{1, 1}, {0, 0}}).to(at::kBool);
  repair(*squares(0.01), l, rows, with_gram(l, matrix({{2, 1}, {1, 2}})));
  CHECK(near(l.matrix(), matrix({{3, 1}, {0, 0}})));
  CHECK(
      contains(error_of([] { check(squares(0.01)->accepts(), "update least_squares", Pattern()); }),
               "update=obs"));
}
