// Acceptance checks 4, 5, 6 and 8 (Element1) of the MINI-LLM specification, by hand and by
// identity.
#include "measure/zeroth_order.h"
#include "criteria/by_hand.h"
#include "kernels/philox.h"
#include "walk/sparsity.h"

using namespace bench;
using namespace bench::test;

namespace {

/// An MLP of two neurons over three inputs, in two blocks with other numbers.
struct Mlp {
  Layer gate, up, down;
  Group group;

  Mlp(const std::string& block, float f)
      : gate(layer(block + ".gate", {{f, -2, 1}, {0.5f, 1, -f}})),
        up(layer(block + ".up", {{2, f, -1}, {1, -1, 3}})),
        down(layer(block + ".down", {{1, f}, {-2, 0.5f}, {3, -1}})) {
    group.name = block, group.kind = "neuron", group.units = 2;
    group.slices = {{&gate, Slice::Out, 1}, {&up, Slice::Out, 1}, {&down, Slice::In, 1}};
  }
  Mlp(const Mlp&) = delete;
  Mlp& operator=(const Mlp&) = delete;

  std::vector<const Layer*> layers() const { return {&gate, &up, &down}; }
};

void put_gradient(Stats& stats, const Layer& l, const Tensor& g) {
  stats.put<MeanGradient>(l, need<MeanGradient>()).mean = g;
}

/// Sum over members of |W g| a along each neuron, element by element (mini_llm.md 1 and 3).
Tensor by_loops(const Mlp& m, const std::map<std::string, Tensor>& g,
                const std::map<std::string, Tensor>& a) {
  auto out = at::zeros({2}, at::kDouble);
  auto* o = out.mutable_data_ptr<double>();
  for (const auto& s : m.group.slices) {
    const auto w = s.layer->matrix(), gl = g.at(s.layer->name);
    for (int64_t r = 0; r < w.size(0); ++r)
      for (int64_t c = 0; c < w.size(1); ++c) {
        const double product = w[r][c].item<double>() * gl[r][c].item<double>();
        o[s.dim == Slice::Out ? r : c] +=
            std::abs(product) * (a.empty() ? 1 : a.at(s.layer->name)[c].item<double>());
      }
  }
  return out;
}

std::map<std::string, Tensor> gradients(const Mlp& m, Stats& stats) {
  std::map<std::string, Tensor> g;
  at::manual_seed(11);
  for (const Layer* l : m.layers()) {
    g[l->name] = at::randn(l->matrix().sizes());
    put_gradient(stats, *l, g[l->name]);
  }
  return g;
}

Method heads_and_neurons(const std::string& name, Value::Map settings) {
  Method m;
  m.criterion = criterion(name, std::move(settings));
  m.allocator = Registry<Allocator>::instance().create("uniform");
  m.pattern.kind = Pattern::Structured;
  m.pattern.groups = {"head", "neuron"};
  return m;
}

}  // namespace

TEST_CASE("taylor is Element1: the sum of |W g| over a neuron's weights", "[criteria]") {
  for (const auto& [block, f] : {std::pair{"0", 1.5f}, std::pair{"1", -0.25f}}) {
    const Mlp m(block, f);
    Stats stats;
    const auto g = gradients(m, stats);
    CHECK(near(criterion("taylor")->units(m.group, stats), by_loops(m, g, {})));
  }
}

TEST_CASE("taylor by hand", "[criteria]") {
  const Mlp m("0", 1);
  Stats stats;
  for (const Layer* l : m.layers()) put_gradient(stats, *l, at::full(l->matrix().sizes(), 2.0f));
  // Neuron 0: 2 (|1|+|-2|+|1|) + 2 (2+1+1) + 2 (1+2+3) = 28; neuron 1: 2 (2.5 + 5 + 2.5) = 20.
  CHECK(near(criterion("taylor")->units(m.group, stats), at::tensor({28.0, 20.0})));
}

TEST_CASE("FMS with a = 1 and the true gradient is Element1; with g = 1 it is wanda_structured",
          "[criteria]") {
  const Mlp m("0", 1.5f);
  Stats stats, unit;  // unit: the same inputs, every gradient 1
  gradients(m, stats);
  std::map<std::string, Tensor> a, ones;
  for (const Layer* l : m.layers()) {
    const Rows tokens = l->columns() == 3 ? Rows{{1, 0, 2}, {3, -1, 0}} : Rows{{0.5f, -2}};
    feed(stats, *l, tokens), feed(unit, *l, tokens);
    a[l->name] = matrix(tokens).square().sum(0).sqrt();
    ones[l->name] = at::ones(l->matrix().sizes());
  }
  CHECK(criterion("fms_backprop", {{"act_stat", Value("none")}})
            ->units(m.group, stats)
            .equal(criterion("taylor")->units(m.group, stats)));
  CHECK(near(criterion("wanda_structured")->units(m.group, stats), by_loops(m, ones, a)));
  for (const Layer* l : m.layers()) put_gradient(unit, *l, ones.at(l->name));
  CHECK(criterion("fms_backprop")
            ->units(m.group, unit)
            .equal(criterion("wanda_structured")->units(m.group, unit)));
}

TEST_CASE("one direction: ranks with the measured p equal ranks with p = 1", "[criteria]") {
  auto& s = shipped("stories260k");
  auto data = tiny_text(2, 24, 2);
  const auto measured = prune(*s.model, heads_and_neurons("mini_llm", {{"n", 1}}), 0.5, data);
  const auto masks = mask_hash(*s.model);
  s.dense->restore(*s.model);
  data = tiny_text(2, 24, 2);
  const auto ones = prune(*s.model, heads_and_neurons("fms_random", {{"n", 1}}), 0.5, data);
  CHECK(masks == mask_hash(*s.model));
  REQUIRE(measured.size() == ones.size());
  for (size_t i = 0; i < ones.size(); ++i) CHECK(measured[i].keep.equal(ones[i].keep));
}

TEST_CASE("the zeroth-order estimate leaves every weight where it was, bit for bit", "[criteria]") {
  auto& s = shipped("opt-ts-1m");
  const auto before = weight_hash(*s.model);
  std::vector<const void*> handles;
  for (const Layer* l : s.model->layers()) handles.push_back(l->weight.const_data_ptr());
  auto data = tiny_text(2, 24, 2);
  data.start(*s.model);
  const auto kind = need<ZerothOrder>(int64_t{3}, 1e-3, 0, int64_t{42});
  const auto all = s.model->layers();
  const auto stats =
      collect({*s.model, {0, s.model->block_count()}, data, all}, {kind}, Pass::Global);
  CHECK(weight_hash(*s.model) == before);
  for (size_t i = 0; i < all.size(); ++i) CHECK(all[i]->weight.const_data_ptr() == handles[i]);
  const auto& found = stats->get<ZerothOrder>(*all.front(), kind).differences;
  REQUIRE(found.size() == 3);
  for (const auto& d : found) CHECK(d.p == (d.plus - d.minus) / 2e-3);
}

TEST_CASE("perturb: all moves every parameter and leaves every bit where it was", "[criteria]") {
  for (const std::string model : {"opt-ts-1m", "tiny-bloom", "stories260k"}) {
    INFO(model);
    auto& s = shipped(model);
    const auto before = weight_hash(*s.model);
    auto data = tiny_text(2, 24, 2);
    data.start(*s.model);
    const auto scored = need<ZerothOrder>(int64_t{2}, 1e-3, 0, int64_t{42});
    const auto every = need<ZerothOrder>(int64_t{2}, 1e-3, 0, int64_t{42}, 1);
    const auto all = s.model->layers();
    const auto stats =
        collect({*s.model, {0, s.model->block_count()}, data, all}, {scored, every}, Pass::Global);
    CHECK(weight_hash(*s.model) == before);
    const auto& found = stats->get<ZerothOrder>(*all.front(), every).differences;
    // By hand: the first direction added to every parameter of a model of its own.
    auto moved = build_model(s.checkpoint);
    for (const auto& t : moved->tensors()) {
      if (!t.parameter || !t.tensor->defined()) continue;
      auto z = at::empty({t.tensor->numel()}, at::kFloat);
      kernels::fill_normal({42, kernels::fnv1a(t.name), kernels::Purpose::Direction}, 0, z.numel(),
                           z.mutable_data_ptr<float>());
      *t.tensor = *t.tensor + z.reshape(t.tensor->sizes()) * 1e-3f;
    }
    at::NoGradGuard no_grad;
    const auto one = split(data.batches).front();
    CHECK(std::abs(moved->loss(one).item<double>() - found.front().plus) < 1e-5);
    CHECK(std::abs(stats->get<ZerothOrder>(*all.front(), scored).differences.front().plus -
                   found.front().plus) > 1e-7);
    const auto notes = stats->notes(all.front()->name);
    CHECK(notes.at("zeroth_order.p").size() == 2);
    CHECK(notes.at("zeroth_order.L1").size() == 2);
  }
}

TEST_CASE("target_of=parameters: the share of the model's parameters that is asked for",
          "[criteria]") {
  auto& s = shipped("opt-ts-1m");
  auto m = heads_and_neurons("random", {});
  m.pattern.groups = {"neuron"};
  m.pattern.of_parameters = true;
  const double before = static_cast<double>(measure_sparsity(*s.model).parameters);
  Calibration none;
  const auto share = removable_target(*s.model, m.pattern, 0.2);
  for (const auto& r : prune(*s.model, m, share, none)) shrink(r.group, r.keep);
  const double after = static_cast<double>(measure_sparsity(*s.model).parameters);
  CHECK(std::abs(1 - after / before - 0.2) < 2e-3);  // whole neurons
  s.dense->restore(*s.model);
  CHECK(
      contains(error_of([&] { removable_target(*s.model, m.pattern, 0.95); }), "its groups hold"));
  // Two answers to one question.
  std::vector<std::string> mistakes;
  const Value::Map both{{"kind", "structured"}, {"target_of", "parameters"}, {"budget", "macs"}};
  const auto whole = Pattern::schema().complete(Value{both}, "pattern", mistakes);
  CHECK(mistakes.empty());
  CHECK(contains(error_of([&] { Pattern::from(Config(whole, "pattern")); }), "keep one"));
}

TEST_CASE("global ranking of groups: normalised scores, units counted as one", "[criteria]") {
  const std::vector<Part> parts{units_part("small", 4, 1, 2, "neuron"),
                                units_part("large", 4, 1, 2, "neuron")};
  const auto counts = [&](Value::Map settings) {
    const auto a = Registry<Allocator>::instance().create("global", Value{std::move(settings)});
    std::vector<int64_t> all;
    for (const auto& share : shares(
             *a, parts, 0.5,
             {at::tensor({1.0f, 2.0f, 3.0f, 4.0f}), at::tensor({100.0f, 200.0f, 300.0f, 400.0f})}))
      all.push_back(share.count);
    return all;
  };
  CHECK(counts({}) == std::vector<int64_t>{3, 1});  // raw: the small part first, all but one
  for (const char* how : {"mean", "l2", "max", "gaussian", "standardization"})
    CHECK(counts({{"normalise", Value(how)}}) == std::vector<int64_t>{2, 2});
  CHECK(counts({{"normalise", "mean"}, {"budget", "units"}}) == std::vector<int64_t>{2, 2});
}
