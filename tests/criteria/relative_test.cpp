// RIA, GBLM, Pruner-Zero and OWL by hand (criteria.md 3), and their identities.
#include "criteria/by_hand.h"

using namespace bench;
using namespace bench::test;

TEST_CASE("ria: shares of row and column times the root of the norm", "[criteria]") {
  const auto l = layer("l", {{3, 1}, {-1, 1}});
  Stats stats;
  feed(stats, l, {{4, 9}});  // norms 4 and 9, to the power 1/2: 2 and 3
  const auto s = criterion("ria")->score(View(l), stats);
  // rows sum to 4 and 2, columns to 4 and 2
  CHECK(near(s, matrix({{(0.75f + 0.75f) * 2, (0.5f + 0.25f) * 3},
                        {(0.25f + 0.5f) * 2, (0.5f + 0.5f) * 3}})));
  const auto plain = criterion("ria", {{"power", Value(0.0)}})->score(View(l), stats);
  CHECK(near(plain, matrix({{1.5f, 0.75f}, {0.75f, 1}})));
  // A slab knows the sums of its rows beyond its own columns.
  const auto slab = criterion("ria")->score(View(l, l.matrix().slice(1, 1, 2), 1, 2), stats);
  CHECK(near(slab, s.slice(1, 1, 2)));
}

TEST_CASE("gblm: both gradient norms by hand; without gradients it is Wanda", "[criteria]") {
  const auto l = layer("l", {{2, -1}});
  for (const std::string norm : {"l2", "l1"}) {
    const auto c = criterion("gblm", {{"norm", Value(norm)}, {"scale", Value(2.0)}});
    Stats stats;
    feed(stats, l, {{3, 4}});
    auto* g = stats.add(c->needs().front(), l);
    g->on_gradient(matrix({{3, 1}}), 0.5);
    g->on_gradient(matrix({{-4, 0}}), 0.5);
    const double first = norm == "l2" ? 10 : 14;
    CHECK(near(c->score(View(l), stats), matrix({{float(2 * 3 + 2 * first), 4 + 2}})));
  }
  const auto c = criterion("gblm");
  Stats stats;
  feed(stats, l, {{3, 4}});
  stats.add(c->needs().front(), l)->on_gradient(matrix({{0, 0}}), 1);
  CHECK(c->score(View(l), stats).equal(criterion("wanda")->score(View(l), stats)));
}

TEST_CASE("pruner_zero evaluates any expression, and says where one is wrong", "[criteria]") {
  const auto l = layer("l", {{2, -3}});
  const auto score = [&](const std::string& text) {
    const auto c = criterion("pruner_zero", {{"score", Value(text)}, {"scale", Value(1.0)}});
    Stats stats;
    feed(stats, l, {{3, 2}});
    for (const auto& kind : c->needs())
      if (auto* s = stats.add(kind, l)) s->on_gradient(matrix({{4, 2}}), 1);
    return c->score(View(l), stats);
  };
  CHECK(near(score("mul(abs(mul(W,W)), mms(G))"), matrix({{4, 0}})));
  CHECK(near(score("add(W, X)"), matrix({{2 + 9, 3 + 4}})));
  CHECK(near(score("div(sqrt(X), G)"),
             matrix({{float(3 / std::sqrt(20.0)), float(2 / std::sqrt(20.0))}})));
  CHECK(contains(error_of([&] { score("mul(W,Q)"); }), "unknown function 'Q'"));
  CHECK(contains(error_of([&] { score("mul(W W)"); }), "expected ',' at character 7"));
  CHECK(contains(error_of([&] { score("abs(W))"); }), "nothing more"));
  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += "abs(";
  CHECK(contains(error_of([&] { score(deep); }), "deeper than"));
}

TEST_CASE("owl: blocks with more outliers keep more; equal ones are uniform", "[criteria]") {
  // One layer a block; inputs of norm 1. Above twice the mean: 1 of 4 (mean 2.5 -> 5: the 7), none.
  const auto a = layer("a", {{1, 1, 1, 7}}), b = layer("b", {{1, 1, 1, 1}});
  Stats stats;
  for (const auto* l : {&a, &b}) feed(stats, *l, {{1, 1, 1, 1}});
  std::vector<Part> parts{weights_part("a", {1, 4}, 4), weights_part("b", {1, 4}, 4)};
  parts[0].layer = &a, parts[1].layer = &b, parts[1].block = 1;
  const auto owl = Registry<Allocator>::instance().create(
      "owl", Value(Value::Map{{"outlier", Value(2.0)}, {"spread", Value(0.1)}}));
  const HeldScores none({});
  const auto s = owl->shares({parts, none, stats, 0.6});
  CHECK(std::abs(s[0].ratio - 0.5) < 1e-12);  // keeps 0.4 + 0.1
  CHECK(std::abs(s[1].ratio - 0.7) < 1e-12);
  parts[0].layer = &b;
  for (const auto& share : owl->shares({parts, none, stats, 0.6}))
    CHECK(std::abs(share.ratio - 0.6) < 1e-12);
}
