// SparseGPT and the OBS repair on a 2 x 2 Hessian, and against the exact least-squares repair.
#include "core/update.h"
#include "criteria/by_hand.h"

using namespace bench;
using namespace bench::test;

namespace {

constexpr double kDamping = 0.01;

}  // namespace

TEST_CASE("sparsegpt is W^2 over the squared diagonal of the inverse factor", "[criteria]") {
  const auto l = layer("l", {{3, 1}});
  const auto stats = with_gram(l, matrix({{2, 1}, {1, 2}}));
  // H + 0.01 mean(diag) I = [[a, 1], [1, a]], a = 2.02; its inverse is [[a, -1], [-1, a]]/(a^2 - 1)
  // with upper factor U: U00^2 = a/(a^2 - 1), U11^2 = a/(a^2-1) - (1/(a^2-1)^2)/U00^2 = 1/a.
  const double a = 2.02, u00 = a / (a * a - 1), u11 = 1 / a;
  const auto s = criterion("sparsegpt")->score(View(l), stats);
  CHECK(near(s, matrix({{float(9 / u00), float(1 / u11)}})));
}

TEST_CASE("obs moves the kept weight by the least-squares step", "[criteria]") {
  auto l = layer("l", {{3, 1}});
  const auto stats = with_gram(l, matrix({{2, 1}, {1, 2}}));
  const auto obs = Registry<Update>::instance().create("obs");
  auto mask = matrix({{0, 1}}).to(at::kBool);
  repair(*obs, l, mask, stats);
  // minimise d^T H d with d0 = -3: d1 = 3 H01 / H11 = 3 / 2.02.
  CHECK(near(l.matrix(), matrix({{0, float(1 + 3 / 2.02)}})));
}

TEST_CASE("obs, removing the leading columns, equals the exact repair of the rest", "[criteria]") {
  at::manual_seed(3);
  const auto x = at::randn({64, 6});
  const auto h = (2.0 / 64 * x.t().mm(x)).to(at::kFloat);
  Layer l;
  l.name = "l", l.weight = at::randn({4, 6});
  const auto dense = l.matrix().to(at::kDouble);
  auto mask = at::ones({4, 6}, at::kBool);
  mask.slice(1, 0, 2).fill_(false);
  repair(*Registry<Update>::instance().create("obs"), l, mask, with_gram(l, h));
  auto damped = h.to(at::kDouble);
  damped = damped + kDamping * damped.diagonal().mean() * at::eye(6, at::kDouble);
  // d_kept = -d_gone H_gk H_kk^-1, d_gone = -W_gone.
  const auto gone = dense.slice(1, 0, 2), hk = damped.slice(0, 2).slice(1, 2),
             hg = damped.slice(0, 0, 2).slice(1, 2);
  const auto step = at::linalg_solve(hk, gone.mm(hg).t()).t();
  // The factor is float32: 1e-5 of the largest weight.
  CHECK(at::allclose(l.matrix().slice(1, 2).to(at::kDouble), dense.slice(1, 2) + step, 0, 3e-5));
  CHECK(!l.matrix().slice(1, 0, 2).any().item<bool>());
}

TEST_CASE("obs clears inputs that are always zero", "[criteria]") {
  auto l = layer("l", {{3, 1}, {2, 5}});
  const auto stats = with_gram(l, matrix({{0, 0}, {0, 2}}));
  auto mask = at::ones({2, 2}, at::kBool);
  repair(*Registry<Update>::instance().create("obs"), l, mask, stats);
  CHECK(near(l.matrix(), matrix({{0, 1}, {0, 5}})));
}
