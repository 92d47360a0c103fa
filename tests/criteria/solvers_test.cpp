// Updates that choose or move masks: Thanos, DSnoT, SparseSwaps, ADMM-Grad, ALPS, ExactOBS; by hand
// and against each other (criteria.md 8.1).
#include "core/update.h"
#include "criteria/by_hand.h"
#include "walk/pruner.h"

using namespace bench;
using namespace bench::test;

namespace {

std::unique_ptr<Update> update(const std::string& name, Value::Map settings = {}) {
  return Registry<Update>::instance().create(name, Value{std::move(settings)});
}

/// One linear layer in front of an update, fed with rows of inputs as one sequence.
struct Bench {
  Layer layer;
  Stats stats;
  Tensor x;
  std::unique_ptr<Criterion> criterion = test::criterion("wanda");

  Bench(int64_t out, int64_t in, uint64_t seed) {
    at::manual_seed(seed);
    layer.name = "l";
    layer.weight = at::randn({out, in});
    x = at::randn({3 * in, in}) + 0.5 * at::randn({3 * in, 1}) + 0.3;
  }
  void feed(const Needs& needs) {
    for (const auto& kind : needs)
      if (auto* s = stats.add(kind, layer)) s->on_input(x, 1);
  }
  /// The mask that is left, the layer holding the weights.
  Tensor run(const Update& u, const Pattern& pattern, Contest contest, double ratio) {
    feed(u.needs());
    feed(criterion->needs());
    const auto score = [&](const Tensor& w, int64_t begin, int64_t end) {
      return criterion->score(View(layer, w, begin, end), stats);
    };
    const auto choose = [&](const Tensor& s, double r) {
      return pattern.kind == Pattern::NM ? select_nm(s, pattern.keep, pattern.of)
                                         : select(s, contest, r);
    };
    const auto mask = choose(score(layer.matrix(), 0, layer.columns()), ratio);
    const Part part = weights_part("l", layer.weight.sizes().vec(), layer.weight.numel());
    Site site{layer, mask, part, pattern, contest, {ratio}, stats,
              [&](const Tensor& w, int64_t begin, int64_t end, double r) {
                return choose(score(w, begin, end), r < 0 ? ratio : r);
              },
              score};
    u.apply(site);
    CHECK(!layer.matrix().masked_select(~site.mask).any().item<bool>());
    return site.mask;
  }
  double error(const Tensor& dense) const {
    const auto d = (layer.matrix() - dense).to(at::kDouble);
    return x.to(at::kDouble).mm(d.t()).square().sum().item<double>();
  }
};

Pattern two_of_four() {
  Pattern p;
  p.kind = Pattern::NM, p.keep = 2, p.of = 4;
  return p;
}

}  // namespace

TEST_CASE("thanos, removing the leading columns, is the exact repair of the rest", "[criteria]") {
  for (const int64_t slab : {512, 4}) {
    Bench b(5, 8, 3);
    b.layer.weight.slice(1, 0, 4) *= 1e-3;  // they go
    const auto dense = b.layer.matrix().to(at::kDouble);
    const auto mask = b.run(*update("thanos", {{"slab", Value(slab)}, {"damping", Value(1e-6)}}), {},
                            Contest::Layer, 0.5);
    CHECK(!mask.slice(1, 0, 4).any().item<bool>());
    auto h = (2 * b.x.t().mm(b.x)).to(at::kDouble);
    h.diagonal().add_(1e-6 * h.diagonal().mean());
    const auto step = at::linalg_solve(h.slice(0, 4).slice(1, 4),
                                       dense.slice(1, 0, 4).mm(h.slice(0, 0, 4).slice(1, 4)).t());
    CHECK(at::allclose(b.layer.matrix().slice(1, 4).to(at::kDouble), dense.slice(1, 4) + step.t(),
                       1e-4, 1e-5));
  }
}

TEST_CASE("thanos: whole columns go but in rows that stay dense", "[criteria]") {
  Bench b(10, 8, 4);
  Pattern theirs;
  theirs.reference_ties = true;
  const auto whole = update("thanos", {{"columns", Value(true)}, {"outliers", Value(0.2)}});
  const auto mask = b.run(*whole, theirs, Contest::Layer, 0.3);
  // ceil(0.3 * 8 / 0.8) columns in all but int(0.2 * 10) + 1 of 10 rows
  CHECK(mask.logical_not().sum().item<int64_t>() == 3 * 7);
  CHECK(mask.all(1).sum().item<int64_t>() == 3);
  CHECK(contains(error_of([&] { b.run(*whole, {}, Contest::Layer, 0.3); }), "tie=reference"));
}

TEST_CASE("obc is exact where one weight goes, and beats obs under the same count", "[criteria]") {
  {
    Bench b(1, 6, 5);
    const auto dense = b.layer.matrix().to(at::kDouble);
    const auto mask = b.run(*update("obc"), {}, Contest::Layer, 1.0 / 6);
    const auto h = (2 * b.x.t().mm(b.x)).to(at::kDouble);
    const auto inverse = at::linalg_inv(h);
    const auto cost = dense[0].square() / inverse.diagonal();
    const auto p = cost.argmin().item<int64_t>();
    CHECK(!mask[0][p].item<bool>());
    const auto after = dense[0] - inverse[p] * dense[0][p] / inverse[p][p];
    CHECK(at::allclose(b.layer.matrix()[0].to(at::kDouble), after, 1e-4, 1e-5));
  }
  for (const auto& pattern : {Pattern(), two_of_four()}) {
    Bench exact(16, 32, 6), quick(16, 32, 6);
    quick.criterion = criterion("sparsegpt");
    const auto dense = exact.layer.matrix();
    const auto mask = exact.run(*update("obc"), pattern, Contest::Layer, 0.5);
    const auto other =
        quick.run(*update("obs", {{"reselect", Value(true)}}), pattern, Contest::Layer, 0.5);
    CHECK(mask.sum().item<int64_t>() == 16 * 16);
    CHECK(other.sum().item<int64_t>() == 16 * 16);
    CHECK(exact.error(dense) < quick.error(dense));
  }
}

TEST_CASE("obc: blocks go whole, and a row competes alone where rows do", "[criteria]") {
  Bench b(6, 16, 7);
  const auto mask = b.run(*update("obc", {{"size", Value(4)}}), {}, Contest::Layer, 0.5);
  const auto blocks = mask.reshape({6, 4, 4}).sum(2);
  CHECK(((blocks == 0) | (blocks == 4)).all().item<bool>());
  CHECK(mask.sum().item<int64_t>() == 6 * 8);
  Bench rows(6, 16, 7);
  const auto even = rows.run(*update("obc"), {}, Contest::Row, 0.5);
  CHECK((even.sum(1) == 8).all().item<bool>());
}

TEST_CASE("sparseswaps: no exchange of two weights lowers a row's error any more", "[criteria]") {
  for (const auto& pattern : {Pattern(), two_of_four()}) {
    Bench b(4, 12, 8), plain(4, 12, 8);
    const auto dense = b.layer.matrix();
    const auto mask = b.run(*update("sparseswaps"), pattern, Contest::Row, 0.5);
    plain.run(*update("sparseswaps", {{"swaps", Value(0)}}), pattern, Contest::Row, 0.5);
    CHECK((mask.sum(1) == 6).all().item<bool>());
    CHECK(b.error(dense) <= plain.error(dense));
    const auto h = b.x.t().mm(b.x).to(at::kDouble);
    const auto error = [&](const Tensor& kept, int64_t row) {
      const auto u = dense[row].to(at::kDouble).masked_fill(kept, 0);
      return u.dot(h.mv(u)).item<double>();
    };
    for (int64_t r = 0; r < 4; ++r) {
      const double now = error(mask[r], r);
      for (int64_t p = 0; p < 12; ++p)
        for (int64_t q = 0; q < 12; ++q) {
          if (!mask[r][p].item<bool>() || mask[r][q].item<bool>()) continue;
          if (pattern.kind == Pattern::NM && p / 4 != q / 4) continue;
          auto other = mask[r].clone();
          other[p] = false, other[q] = true;
          CHECK(error(other, r) >= now * (1 - 1e-6));
        }
    }
  }
}

TEST_CASE("admm_grad: rho without end keeps weights; its first ranking is Wanda's", "[criteria]") {
  Bench b(4, 8, 9);
  const auto dense = b.layer.matrix();
  const auto stiff = update("admm_grad", {{"rho", Value(1e6)}, {"choosing", Value(0)}});
  const auto mask = b.run(*stiff, {}, Contest::Row, 0.5);
  Bench wanda(4, 8, 9);
  wanda.run(*update("sparseswaps", {{"swaps", Value(0)}}), {}, Contest::Row, 0.5);
  CHECK(b.layer.matrix().ne(0).equal(wanda.layer.matrix().ne(0)));
  CHECK(at::allclose(b.layer.matrix(), dense.masked_fill(~mask, 0), 1e-2, 1e-3));
}

TEST_CASE("admm_grad and alps repair better than a mask alone", "[criteria]") {
  for (const std::string name : {"admm_grad", "alps"})
    for (const auto& pattern : {Pattern(), two_of_four()}) {
      INFO(name);
      Bench b(16, 32, 10), plain(16, 32, 10);
      const auto dense = b.layer.matrix();
      const auto mask = b.run(*update(name), pattern, Contest::Layer, 0.5);
      plain.run(*update("sparseswaps", {{"swaps", Value(0)}}), pattern, Contest::Layer, 0.5);
      CHECK(mask.sum().item<int64_t>() == 16 * 16);
      CHECK(b.error(dense) < 0.7 * plain.error(dense));
    }
}

TEST_CASE("dsnot moves one weight for one until the expected output is near", "[criteria]") {
  // Means 1: effects are the weights. Pruned are 0.5 and 0.4, an error of 0.9: the larger comes back,
  // and of what is kept the one goes whose effect is negative.
  auto l = layer("l", {{0.5f, 0.4f, -0.9f, 2}});
  Stats stats;
  const auto u = update("dsnot", {{"skip", Value(Value::List{})},
                                  {"variance_power", Value(0.0)},
                                  {"cycles", Value(1)}});
  for (const auto& kind : u->needs())
    if (auto* s = stats.add(kind, l)) s->on_input(at::ones({1, 4}), 1);
  const auto mask = matrix({{0, 0, 1, 1}}).to(at::kBool);
  const auto part = weights_part("l", {1, 4}, 4);
  const Pattern pattern;
  Site site{l, mask, part, pattern, Contest::Row, {0.5}, stats, {}};
  u->apply(site);
  CHECK(near(l.matrix(), matrix({{0.5f, 0, 0, 2}})));
  // Skipped: as it was.
  auto kept = layer("model.layers.0.mlp.up_proj", {{0.5f, 0.4f, -0.9f, 2}});
  Site other{kept, mask, part, pattern, Contest::Row, {0.5}, stats, {}};
  update("dsnot")->apply(other);
  CHECK(other.mask.equal(mask));
}
