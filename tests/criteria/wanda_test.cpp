// magnitude, wanda and its variant on numbers that can be checked with a pencil.
#include "criteria/by_hand.h"

using namespace bench;
using namespace bench::test;

namespace {

const Rows kWeight{{1, -2, 3, -4}, {4, 3, -2, 1}};
// Column norms over the two tokens: sqrt 2, 0, 2, 1.
const Rows kTokens{{1, 0, 2, 0}, {1, 0, 0, 1}};

}  // namespace

TEST_CASE("magnitude is |W|", "[criteria]") {
  const auto l = layer("l", kWeight);
  CHECK(
      near(criterion("magnitude")->score(View(l), Stats()), matrix({{1, 2, 3, 4}, {4, 3, 2, 1}})));
}

TEST_CASE("wanda is |W| times the norm of the input column", "[criteria]") {
  const auto l = layer("l", kWeight);
  Stats stats;
  feed(stats, l, kTokens);
  const auto wanda = criterion("wanda");
  const auto s = wanda->score(View(l), stats);
  const float r = std::sqrt(2.0f);
  CHECK(near(s, matrix({{r, 0, 6, 4}, {4 * r, 0, 4, 1}})));
  CHECK(wanda->accepts().contest == Contest::Row);
  CHECK(select(s, Contest::Row, 0.5).equal(matrix({{0, 0, 1, 1}, {1, 0, 1, 0}}).to(at::kBool)));
  // A slab sees its own columns of the statistic.
  CHECK(near(wanda->score(View(l, l.matrix().slice(1, 2, 4), 2, 4), stats),
             matrix({{6, 4}, {4, 1}})));
}

TEST_CASE("wanda: the mean over sequences only scales the score", "[criteria]") {
  const auto l = layer("l", kWeight);
  Stats once, twice;
  feed(once, l, kTokens);
  auto& moments = twice.put<InputMoments>(l, need<InputMoments>());
  moments.on_input(matrix(kTokens), 1), moments.on_input(matrix(kTokens), 1);
  const auto wanda = criterion("wanda");
  CHECK(wanda->score(View(l), once).equal(wanda->score(View(l), twice)));
}

TEST_CASE("wanda_variant is the share of the row's score mass up to each weight", "[criteria]") {
  const auto l = layer("l", kWeight);
  Stats stats;
  feed(stats, l, kTokens);
  const double r = std::sqrt(2.0), first = r + 10, second = 4 * r + 5;
  const auto s = criterion("wanda_variant")->score(View(l), stats);
  const auto f = [](double x) { return static_cast<float>(x); };
  CHECK(near(
      s, matrix({{f(r / first), 0, 1, f((r + 4) / first)}, {1, 0, f(5 / second), f(1 / second)}})));
  Pattern nm;
  nm.kind = Pattern::NM;
  CHECK(contains(error_of([&] {
                   check(criterion("wanda_variant")->accepts(), "criterion wanda_variant", nm);
                 }),
                 "unstructured"));
}
