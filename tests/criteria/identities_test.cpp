// What methods must become at their ends (criteria.md 8.1): the rest stands beside each method.
#include "criteria/by_hand.h"
#include "measure/low_rank.h"
#include "measure/passes.h"
#include "measure/routed.h"
#include "walk/pruner.h"

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

TEST_CASE("identity: SparseGPT on inputs that do not interact is Wanda's score squared",
          "[criteria]") {
  at::manual_seed(2);
  Layer l;
  l.name = "l", l.weight = at::randn({5, 6});
  const auto x = at::diag(at::tensor({0.5, 2.0, 1.0, 3.0, 0.7, 1.5}).to(at::kFloat));
  Stats stats;
  stats.put<InputGram>(l, need<InputGram>()).on_input(x, 1);
  stats.put<InputMoments>(l, need<InputMoments>()).on_input(x, 1);
  const auto wanda = criterion("wanda")->score(View(l), stats);
  const auto exact = criterion("sparsegpt", {{"damping", Value(1e-8)}})->score(View(l), stats);
  CHECK(at::allclose(exact, 2 * wanda.square(), 1e-4, 1e-6));  // H = 2 / N X^T X
}

TEST_CASE("identity: what SynFlow has masked scores nothing in the next round", "[criteria]") {
  auto& s = shipped("resnet20");
  at::NoGradGuard no_grad;
  Method m;
  m.criterion = criterion("synflow");
  m.allocator = named<Allocator>("allocator", "global");
  m.propagation = Propagation::Dense;
  auto data = tiny_images(4);
  prune(*s.model, m, 0.5, data);
  const auto stats = collect({*s.model, {0, s.model->block_count()}, data, s.model->layers()},
                             m.criterion->needs(), Pass::Global);
  for (const Layer* l : s.model->layers()) {
    const auto score = m.criterion->score(View(*l), *stats);
    CHECK(score.masked_select(~l->mask).abs().max().item<double>() == 0);
    CHECK(score.masked_select(l->mask).max().item<double>() > 0);
  }
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
