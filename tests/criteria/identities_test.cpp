// What methods must become at their ends (criteria.md 8.1): the rest stands beside each method.
#include "core/update.h"
#include "criteria/by_hand.h"
#include "measure/low_rank.h"
#include "measure/routed.h"

using namespace bench;
using namespace bench::test;

TEST_CASE("identity: REAP where the router is sure of every token is the mean norm", "[criteria]") {
  auto& model = *shipped("family-qwen2-moe").model;
  const auto group = model.groups("expert").front();
  const auto& root = *group.slices.front().layer;
  Stats stats;
  auto& seen = stats.put<RoutedTokens>(root, need<RoutedTokens>(0));
  at::manual_seed(1);
  seen.count = at::tensor({4., 0., 9., 2., 7., 1.}, at::kDouble);
  seen.norm = at::rand({group.units}, at::kDouble) * seen.count;
  seen.probability = seen.count;  // p = 1
  seen.weighted = seen.norm;
  const auto reap = criterion("reap")->units(group, stats);
  CHECK(reap.equal(criterion("ean", {{"form", Value("mean")}})->units(group, stats)));
}

TEST_CASE("identity: OWL with equally many outliers in every block is uniform", "[criteria]") {
  const std::vector<Layer> layers{layer("a", {{1, 1, 9}}), layer("b", {{2, 2, 18}}),
                                  layer("c", {{3, 27, 3}})};
  Stats stats;
  std::vector<Part> parts;
  for (const auto& l : layers) {
    feed(stats, l, {{1, 1, 1}});
    parts.push_back(weights_part(l.name, l.weight.sizes().vec(), 3));
    parts.back().layer = &l;
    parts.back().block = static_cast<int64_t>(parts.size());
  }
  const HeldScores none({});
  const auto owl =
      Registry<Allocator>::instance().create("owl", Value(Value::Map{{"outlier", Value(2.0)}}));
  for (const auto& s : owl->shares({parts, none, stats, 0.6}))
    CHECK(std::abs(s.ratio - 0.6) < 1e-12);
}

TEST_CASE("identity: ADMM whose penalty grows without bound leaves the kept weights as they are",
          "[criteria]") {
  at::manual_seed(2);
  Layer l;
  l.name = "l", l.weight = at::randn({6, 12});
  const auto dense = l.matrix();
  const auto x = at::randn({50, 12}) + 0.3;
  Stats stats;
  stats.put<InputGram>(l, need<InputGram>()).on_input(x, 1);
  const auto mask = select(dense.abs(), Contest::Layer, 0.5);
  const auto admm = Registry<Update>::instance().create(
      "admm_grad", Value(Value::Map{{"rho", Value(1e6)},
                                    {"iterations", Value(int64_t{20})},
                                    {"choosing", Value(int64_t{0})}}));
  const Part part = weights_part("l", {6, 12}, 72);
  const Pattern pattern;
  const auto choose = [&](const Tensor&, int64_t, int64_t, double) { return mask; };
  Site site{l, mask, part, pattern, Contest::Layer, {0.5}, stats, choose};
  admm->apply(site);
  CHECK(at::allclose(l.matrix(), dense.masked_fill(~site.mask, 0), 1e-3, 1e-4));
  // With the authors' penalty the kept weights do move.
  Layer again;
  again.name = "l", again.weight = dense.clone();
  Site moved{again, mask, part, pattern, Contest::Layer, {0.5}, stats, choose};
  Registry<Update>::instance()
      .create("admm_grad", Value(Value::Map{{"choosing", Value(int64_t{0})}}))
      ->apply(moved);
  CHECK(!at::allclose(again.matrix(), dense.masked_fill(~moved.mask, 0), 1e-2, 1e-2));
}

TEST_CASE("identity: SVD-LLM on white activations keeps the plain singular values", "[low_rank]") {
  at::manual_seed(3);
  Layer l;
  l.name = "l", l.weight = at::randn({7, 9});
  InputScatter white(l);
  white.sum = 5 * at::eye(9, at::kDouble);
  const auto w = l.matrix().to(at::kDouble), root = white.root();
  const auto whitened = truncated(w.mm(root), 3), plain = truncated(w, 3);
  const auto back = whitened.u.mm(whitened.v).mm(at::linalg_inv(root));
  CHECK(at::allclose(back, plain.u.mm(plain.v), 1e-9, 1e-9));
}
