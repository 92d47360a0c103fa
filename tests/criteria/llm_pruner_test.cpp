// LLM-Pruner's saliences on an MLP and on grouped queries, by hand (mini_llm.md 8).
#include "criteria/by_hand.h"

using namespace bench;
using namespace bench::test;

namespace {

/// Two sequences that predict equally much: each counts half in the mean gradient.
void gradients(Stats& stats, const Criterion& c, const Layer& l, const Rows& one,
               const Rows& other) {
  for (const auto& kind : c.needs())
    if (auto* s = stats.add(kind, l)) {
      s->on_gradient(matrix(one), 0.5);
      s->on_gradient(matrix(other), 0.5);
    }
}

/// One neuron in, one out: gate [2, 1], up [2, 1], down [1, 2].
struct Mlp {
  Layer gate = layer("gate", {{2}, {-1}}), up = layer("up", {{3}, {0.5f}}),
        down = layer("down", {{-4, 1}});
  Group group;
  Mlp() {
    group.name = "mlp", group.kind = "neuron", group.units = 2;
    group.slices = {{&gate, Slice::Out}, {&up, Slice::Out}, {&down, Slice::In}};
  }
  Mlp(const Mlp&) = delete;
  Mlp& operator=(const Mlp&) = delete;

  Tensor units(const std::string& name, Value::Map settings = {}) const {
    const auto c = criterion("llm_pruner_" + name, std::move(settings));
    Stats stats;
    gradients(stats, *c, gate, {{1}, {2}}, {{3}, {-2}});  // mean 2, 0; mean square 5, 4
    gradients(stats, *c, up, {{0}, {1}}, {{2}, {3}});     // mean 1, 2; mean square 2, 5
    gradients(stats, *c, down, {{1, -1}}, {{-3, 1}});     // mean -1, 0; mean square 5, 1
    return c->units(group, stats);
  }
};

Tensor values(std::vector<double> v) {
  return at::tensor(v, at::kDouble);
}

}  // namespace

TEST_CASE("LLM-Pruner: first and second order, mix, L1 and L2 by hand", "[criteria]") {
  const Mlp m;
  // Members (gate, up, down): first order |w g|: neuron 0: 4, 3, 4; neuron 1: 0, 1, 0.
  CHECK(near(m.units("element1"), values({11, 1})));
  // w^2 F: 4*5, 9*2, 16*5; 1*4, 0.25*5, 1*1.
  CHECK(near(m.units("element2"), values({118, 6.25})));
  // w g - w^2 F / 2: 4-10, 3-9, 4-40; 0-2, 1-0.625, 0-0.5.
  CHECK(near(m.units("mix"), values({48, 2.875})));
  // Means over the three members.
  CHECK(near(m.units("l1"), values({9.0 / 3, 2.5 / 3})));
  CHECK(near(m.units("l2"), values({29.0 / 3, 2.25 / 3})));
  CHECK(near(m.units("vector"), values({11, 1})));  // one weight a row: no sum to be taken
}

TEST_CASE("LLM-Pruner: reductions over members by hand", "[criteria]") {
  const Mlp m;
  CHECK(near(m.units("element1", {{"grouping", Value("max")}}), values({4, 1})));
  CHECK(near(m.units("element1", {{"grouping", Value("prod")}}), values({48, 0})));
  CHECK(near(m.units("element1", {{"grouping", Value("first")}}), values({4, 0})));
  CHECK(near(m.units("element1", {{"grouping", Value("second")}}), values({3, 1})));
  CHECK(near(m.units("element1", {{"grouping", Value("mean")}}), values({11.0 / 3, 1.0 / 3})));
}

TEST_CASE("LLM-Pruner: the vector form sums a row before its size is taken", "[criteria]") {
  Layer in = layer("in", {{1, 2}, {3, 4}}), out = layer("out", {{1, 1}, {-1, 2}});
  Group g;
  g.name = "mlp", g.kind = "neuron", g.units = 2;
  g.slices = {{&in, Slice::Out}, {&out, Slice::In}};
  const auto c = criterion("llm_pruner_vector");
  Stats stats;
  gradients(stats, *c, in, {{1, -1}, {1, 1}}, {{1, -1}, {1, 1}});
  gradients(stats, *c, out, {{1, 1}, {1, 1}}, {{1, 1}, {1, 1}});
  // in: |1-2|, |3+4|; out: |1-1|, |1+2|.
  CHECK(near(c->units(g, stats), values({1, 10})));
}

TEST_CASE("LLM-Pruner, faithful: grouped queries are credited by their number", "[criteria]") {
  // Two key/value heads of one channel, four query heads: 0, 1 read the first, 2, 3 the second.
  Layer q = layer("q", {{1}, {2}, {4}, {8}}), k = layer("k", {{16}, {32}});
  Group g;
  g.name = "attn", g.kind = "head", g.units = 2, g.unit_width = 1;
  g.slices = {{&q, Slice::Out, 2}, {&k, Slice::Out, 1}};
  Stats none;
  CHECK(near(criterion("llm_pruner_l1", {{"grouping", Value("sum")}})->units(g, none),
             values({19, 44})));
  // The authors add query heads 0 and 2 to the first, 1 and 3 to the second.
  CHECK(near(criterion("llm_pruner_l1", {{"grouping", "sum"}, {"faithful", true}})->units(g, none),
             values({21, 42})));
}

TEST_CASE("LLM-Pruner by channel: norms and embeddings count; faithful drops them from L1",
          "[criteria]") {
  auto& s = shipped("tiny-llama");
  const auto g = s.model->groups("hidden").front();
  const auto score = [&](const std::string& name, bool faithful) {
    const auto c = criterion("llm_pruner_" + name, {{"grouping", "sum"}, {"faithful", faithful}});
    auto data = tiny_text(2, 16, 2);
    const auto stats =
        collect({*s.model, {0, 3}, data, s.model->layers(), {&g}}, c->needs(), Pass::Global);
    return c->units(g, *stats);
  };
  auto by_hand = at::zeros({g.units}, at::kDouble);
  for (const auto& slice : g.slices)
    by_hand += slice.layer->matrix().abs().sum(1 - slice.dim, false, at::kDouble);
  for (const auto& t : s.model->tensors())
    if (t.tensor->defined() && t.name.find("norm.weight") != std::string::npos)
      by_hand += t.tensor->abs();
  // 96 embeddings are a multiple of the width 24: there the authors' code breaks off.
  CHECK(contains(error_of([&] { score("l1", true); }), "multiple of the width 24"));
  for (const auto& t : s.model->tensors())
    if (t.tensor->defined() && t.name == "model.embed_tokens.weight")
      by_hand += t.tensor->abs().sum(0, false, at::kDouble);
  CHECK(near(score("l1", false), by_hand));
  CHECK(score("element1", false).min().item<double>() > 0);
}
