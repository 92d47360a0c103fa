// Levels by hand, GPTQ against what it must become at its ends, what formats follow.
#include "core/stage.h"
#include "core/update.h"
#include "criteria/by_hand.h"
#include "measure/low_rank.h"
#include "measure/quantiser.h"

using namespace bench;
using namespace bench::test;

namespace {

std::unique_ptr<Update> update(const std::string& name, Value::Map settings = {}) {
  return Registry<Update>::instance().create(name, Value{std::move(settings)});
}

Tensor all_of(const Layer& l) {
  return at::ones(l.matrix().sizes(), at::kBool);
}

Tensor gram_of(int64_t columns) {
  at::manual_seed(5);
  const auto x = at::randn({64, columns});
  return 2.0 / 64 * x.t().mm(x);
}

Layer random_layer(int64_t rows, int64_t columns) {
  Layer l;
  l.name = "l", l.weight = at::randn({rows, columns});
  return l;
}

}  // namespace

TEST_CASE("two bits: four levels from the least to the largest weight", "[quantisation]") {
  // Row 0: -1 .. 2, steps of 1, zero at level 1. Row 1 has no negative weight: zero is level 0.
  auto l = layer("l", {{-1, 2, 0.4F, 1.6F}, {0, 3, 1.2F, 0.9F}});
  repair(*update("rtn", {{"bits", Value(int64_t{2})}}), l, all_of(l), Stats());
  REQUIRE(l.quantised());
  CHECK(l.levels().equal(matrix({{0, 3, 1, 3}, {0, 3, 1, 1}}).to(at::kInt)));
  CHECK(near(l.matrix(), matrix({{-1, 2, 0, 2}, {0, 3, 1, 1}})));
  CHECK(near(l.format->scale, matrix({{1}, {1}})));
}

TEST_CASE("a symmetric row without negative weights begins at 0 and saturates", "[quantisation]") {
  auto l = layer("l", {{0, 3, 1, 2}});
  repair(*update("rtn", {{"bits", Value(int64_t{2})}, {"symmetric", Value(true)}}), l, all_of(l),
         Stats());
  // Scale (3 - 0) / 3, zero at level 2: 1 is the largest that is left.
  CHECK(near(l.matrix(), matrix({{0, 1, 1, 1}})));
}

TEST_CASE("a level of half goes to the even one, a row of zeros stays", "[quantisation]") {
  auto l = layer("l", {{0, 3, 0.5F, 1.5F}, {0, 0, 0, 0}});
  repair(*update("rtn", {{"bits", Value(int64_t{2})}}), l, all_of(l), Stats());
  CHECK(near(l.matrix(), matrix({{0, 3, 0, 2}, {0, 0, 0, 0}})));
}

TEST_CASE("groups have scales of their own, the last one may be short", "[quantisation]") {
  auto l = layer("l", {{0, 1, 2, 3, 30}});
  repair(*update("rtn", {{"bits", Value(int64_t{2})}, {"group", Value(int64_t{2})}}), l, all_of(l),
         Stats());
  CHECK(l.format->scale.sizes() == at::IntArrayRef({1, 3}));
  CHECK(near(l.matrix(), matrix({{0, 1, 2, 3, 30}})));
}

TEST_CASE("pruned weights stay zero whatever the format", "[quantisation]") {
  at::manual_seed(1);
  for (const char* name : {"rtn", "gptq", "slim"}) {
    auto l = random_layer(6, 16);
    const auto mask = at::rand({6, 16}) > 0.5;
    repair(*update(name), l, mask, with_gram(l, gram_of(16)));
    CHECK(!l.matrix().masked_select(~mask).any().item<bool>());
    CHECK(l.quantised());
  }
}

TEST_CASE("gptq with very many levels leaves weights as they are", "[quantisation]") {
  auto l = random_layer(8, 24);
  const auto before = l.matrix().clone();
  repair(*update("gptq", {{"bits", Value(int64_t{16})}}), l, all_of(l), with_gram(l, gram_of(24)));
  CHECK(at::allclose(l.matrix(), before, 0, 2e-4));
}

TEST_CASE("gptq on a mask with very many levels is the obs repair", "[quantisation]") {
  auto l = random_layer(8, 24);
  auto mask = at::rand({8, 24}) > 0.4;
  // Scales are those of the weights before the repair, and what it moves must lie in their range.
  for (const int64_t side : {0, 1}) {
    l.weight.select(1, side).fill_(side ? 8 : -8);
    mask.select(1, side).fill_(true);
  }
  auto same = l;
  const auto stats = with_gram(l, gram_of(24));
  repair(*update("gptq", {{"bits", Value(int64_t{16})}}), l, mask, stats);
  repair(*update("obs"), same, mask, stats);
  CHECK(at::allclose(l.matrix(), same.matrix(), 0, 2e-3));
}

TEST_CASE("gptq with independent inputs is round to nearest", "[quantisation]") {
  auto l = random_layer(8, 24), same = l;
  const auto stats = with_gram(l, at::eye(24));
  for (const bool ordered : {false, true}) {
    repair(*update("gptq", {{"act_order", Value(ordered)}}), l, all_of(l), stats);
    repair(*update("rtn"), same, all_of(same), Stats());
    CHECK(l.levels().equal(same.levels()));
  }
}

TEST_CASE("gptq loses less of the output than rounding", "[quantisation]") {
  const auto h = gram_of(24);
  const auto start = random_layer(16, 24);
  const auto loss = [&](const Layer& l) {
    const auto d = l.matrix() - start.matrix();
    return d.mm(h).mul(d).sum().item<double>();
  };
  auto rounded = start;
  repair(*update("rtn", {{"bits", Value(int64_t{3})}}), rounded, all_of(start), Stats());
  for (const auto& more : {Value::Map{}, Value::Map{{"act_order", Value(true)}},
                           Value::Map{{"group", Value(int64_t{8})}, {"static_groups", Value(true)}},
                           Value::Map{{"group", Value(int64_t{8})}, {"act_order", Value(true)}}}) {
    auto settings = more;
    settings.push_back({"bits", Value(int64_t{3})});
    auto l = start;
    repair(*update("gptq", settings), l, all_of(l), with_gram(l, h));
    CHECK(loss(l) < loss(rounded));
    // What the format says the weight is, it is.
    const auto scale = l.format->scale.index_select(1, l.format->group_of);
    const auto zero = l.format->zero.index_select(1, l.format->group_of);
    CHECK(l.matrix().equal(scale * (l.levels().to(at::kFloat) - zero)));
  }
}

TEST_CASE("a searched range costs no more than the whole one", "[quantisation]") {
  auto whole = random_layer(8, 64), searched = whole;
  const auto dense = whole.matrix();
  const Value bits(int64_t{3});
  repair(*update("rtn", {{"bits", bits}}), whole, all_of(whole), Stats());
  repair(*update("rtn", {{"bits", bits}, {"search", Value(true)}}), searched, all_of(whole),
         Stats());
  const auto cost = [&](const Layer& l) { return (l.matrix() - dense).abs().pow(2.4).sum(1); };
  CHECK((cost(searched) <= cost(whole) + 1e-6).all().item<bool>());
}

TEST_CASE("slim: one scale, the largest weight is the largest level", "[quantisation]") {
  auto l = layer("l", {{-7, 3.4F, 0}, {1, 2, 7}});
  repair(*update("slim", {{"cap", Value("largest")}}), l, all_of(l), Stats());
  CHECK(near(l.matrix(), matrix({{-7, 3, 0}, {1, 2, 7}})));
  CHECK(l.format->scale.sizes() == at::IntArrayRef({1, 1}));
}

TEST_CASE("a format says nothing of a weight that was changed", "[quantisation]") {
  auto l = random_layer(4, 8);
  repair(*update("rtn"), l, all_of(l), Stats());
  CHECK(l.format->bytes() == 4 * 8 * 4 / 8. + 4 * 4 + 4 * 4 / 8.);
  auto masked = l;
  masked.set_mask(at::rand({4, 8}) > 0.5);
  CHECK(masked.quantised());  // zero is a level
  l.set_matrix(l.matrix() * 1.5);
  CHECK(!l.quantised());
}

TEST_CASE("a stage quantises what stands, and levels follow the units that stay",
          "[quantisation]") {
  auto& s = shipped("tiny-llama");
  const auto data = tiny_text(3, 20, 2);
  std::map<std::string, std::shared_ptr<const Snapshot>> kept;
  const Method none;
  for (Layer* l : s.model->layers(1)) l->set_mask(l->matrix().abs() > 0.05);
  StageContext c{*s.model, none, 0, at::kCPU, kept, {}, {}, ""};
  c.calibration = [&] { return data; };
  double bits = 0;
  c.record = [&](const std::string&, double value, const std::string&) { bits = value; };
  Registry<Stage>::instance()
      .create("repair",
              Value{Value::Map{{"update", Value{Value::Map{{"name", Value("gptq")},
                                                           {"group", Value(int64_t{8})}}}}}})
      ->apply(c);
  CHECK(bits > 4);
  CHECK(bits < 9);  // four, and a float32 and a level for each eight
  for (const Layer* l : s.model->layers()) {
    CHECK(l->quantised());
    if (l->mask.defined()) CHECK(!l->matrix().masked_select(~l->mask).any().item<bool>());
  }
  for (Layer* l : s.model->layers(0)) CHECK(!l->mask.defined());
  const auto g = s.model->groups("neuron").front();
  auto keep = at::ones({g.units}, at::kBool);
  keep.slice(0, 3, 9).fill_(false);
  std::vector<Tensor> before;
  for (const auto& slice : g.slices) before.push_back(slice.layer->levels());
  shrink(g, keep);
  const auto left = keep.nonzero().squeeze(1);
  for (size_t i = 0; i < g.slices.size(); ++i) {
    REQUIRE(g.slices[i].layer->quantised());
    CHECK(g.slices[i].layer->levels().equal(before[i].index_select(g.slices[i].dim, left)));
  }
  s.dense->restore(*s.model);
  for (const Layer* l : s.model->layers()) CHECK(!l->quantised());
}

TEST_CASE("obq with independent inputs is round to nearest, and loses no more than gptq",
          "[quantisation]") {
  auto& s = shipped("tiny-llama");
  Layer* l = s.model->layers().front();
  auto a = *l, b = *l, g = *l;
  Stats alone;
  auto& scatter = alone.put<InputScatter>(a, need<InputScatter>());
  scatter.sum = at::eye(a.columns(), at::kDouble), scatter.count = 1;
  repair(*update("obq"), a, all_of(a), alone);
  repair(*update("rtn"), b, all_of(b), Stats());
  CHECK(a.levels().equal(b.levels()));
  at::manual_seed(8);
  const auto x = at::randn({200, a.columns()}).mm(at::randn({a.columns(), a.columns()}));
  Stats stats;
  stats.put<InputScatter>(a, need<InputScatter>()).on_input(x, 1);
  stats.put<InputGram>(a, need<InputGram>()).on_input(x, 1);
  auto o = *l;
  const Value bits(int64_t{3});
  repair(*update("obq", {{"bits", bits}}), o, all_of(o), stats);
  repair(*update("gptq", {{"bits", bits}}), g, all_of(g), stats);
  const auto loss = [&](const Layer& now) {
    const auto d = (now.matrix() - l->matrix()).to(at::kDouble);
    return d.mm(stats.get<InputScatter>(a).sum).mul(d).sum().item<double>();
  };
  CHECK(loss(o) < 1.2 * loss(g));
}
