// FLAP, Wanda-sp and magnitude-sp by hand (criteria.md 5).
#include "criteria/by_hand.h"
#include "walk/pruner.h"

using namespace bench;
using namespace bench::test;

namespace {

/// Two heads of two channels, read by o [1, 4]; the values are theirs, rows of v.
struct Heads {
  Layer v = layer("v", {{1}, {1}, {1}, {1}}), o = layer("o", {{1, -2, 3, 0.5f}});
  Group group;
  explicit Heads(const std::string& kind) {
    group.name = "g", group.kind = kind;
    group.units = kind == "head" ? 2 : 4, group.unit_width = kind == "head" ? 2 : 1;
    group.slices = {{&v, Slice::Out, group.unit_width}, {&o, Slice::In, group.unit_width}};
  }
  Heads(const Heads&) = delete;
  Heads& operator=(const Heads&) = delete;
};

Tensor values(std::vector<double> v) {
  return at::tensor(v, at::kDouble);
}

/// Two sequences of two tokens.
void feed_all(Stats& stats, const Criterion& c, const Layer& l) {
  for (const auto& kind : c.needs())
    if (auto* s = stats.add(kind, l)) {
      s->on_input(matrix({{0, 1, 2, 0}, {2, 1, 0, 0}}), 1);
      s->on_input(matrix({{4, 1, 0, 2}, {2, 1, 2, 2}}), 1);
    }
}

Tensor score(const Heads& h, const std::string& name, Value::Map settings = {}) {
  const auto c = criterion(name, std::move(settings));
  Stats stats;
  feed_all(stats, *c, h.o);
  return c->units(h.group, stats);
}

}  // namespace

TEST_CASE("FLAP: variance times the squared column norm, by hand", "[criteria]") {
  const Heads neurons("neuron"), heads("head");
  // Variances over four tokens: 8/3, 0, 4/3, 4/3; column norms squared 1, 4, 9, 0.25.
  CHECK(near(score(neurons, "flap", {{"standardise", false}}), values({8.0 / 3, 0, 12, 1.0 / 3})));
  CHECK(near(score(neurons, "flap", {{"standardise", false}, {"metric", "ifv"}}),
             values({8.0 / 3, 0, 4.0 / 3, 4.0 / 3})));
  // A head: squared scores, summed.
  CHECK(near(score(heads, "flap", {{"standardise", false}}), values({64.0 / 9, 144 + 1.0 / 9})));
  // sqrt(sum of squares / 2 sequences): sqrt(12), sqrt(2), 2, 2 times |w|.
  CHECK(near(score(neurons, "flap", {{"standardise", false}, {"metric", "wifn"}}),
             values({std::sqrt(12.0), 2 * std::sqrt(2.0), 6, 1})));
}

TEST_CASE("FLAP: the authors' running estimate counts nothing of the first sequence",
          "[criteria]") {
  // Means after two sequences: 2, 1, 1, 1; squared distances of the second: 4+0, 0, 1+1, 1+1; / 2.
  CHECK(near(score(Heads("neuron"), "flap",
                   {{"standardise", false}, {"metric", "ifv"}, {"variance", "flap_reference"}}),
             values({2, 0, 1, 1})));
}

TEST_CASE("FLAP: scores are standardised in their layer before heads form", "[criteria]") {
  const Heads heads("head");
  const auto each = values({64.0 / 9, 0, 144, 1.0 / 9});
  const auto standard = (each - each.mean()) / each.std();
  CHECK(near(score(heads, "flap"), standard.reshape({2, 2}).mean(1)));
}

TEST_CASE("Wanda-sp and magnitude-sp by hand", "[criteria]") {
  const Heads neurons("neuron"), heads("head");
  const double first = std::sqrt(12.0), second = 2 * std::sqrt(2.0);
  CHECK(near(score(neurons, "wanda_sp"), values({first, second, 6, 1})));
  CHECK(near(score(heads, "wanda_sp"), values({first + second, 7})));
  CHECK(near(score(neurons, "magnitude_sp"), values({1, 2, 3, 0.5})));
  CHECK(near(score(heads, "magnitude_sp"), values({3, 3.5})));
}

TEST_CASE("tie=reference: FLAP's index counts otherwise than LLM-Pruner's", "[criteria]") {
  Group g;
  g.units = 10;
  const auto s = at::arange(10, at::kFloat);
  const auto gone = [&](const std::string& name) {
    const auto rule = criterion(name)->accepts().selection;
    return (~Registry<Selection>::instance().create(rule)->units(g, s, {0.25}))
        .sum()
        .item<int64_t>();
  };
  CHECK(gone("wanda_sp") == 2);   // int(2.5)
  CHECK(gone("magnitude") == 3);  // 10 - int(7.5)
}

TEST_CASE("update bias: the mean of what is removed stays", "[criteria]") {
  Heads h("neuron");
  Stats stats;
  const auto update = Registry<Update>::instance().create("bias");
  for (const auto& kind : update->needs()) {
    stats.add(kind, h.o)->on_input(matrix({{0, 1, 2, 0}, {2, 1, 0, 4}}), 1);
    stats.add(kind, h.v)->on_input(matrix({{5}, {7}}), 1);
  }
  auto keep = matrix({{1, 0, 1, 0}}).to(at::kBool);
  repair(*update, h.o, keep, stats);
  // -2 * 1 + 0.5 * 2.
  CHECK(near(h.o.bias, values({-1})));
  CHECK(near(h.o.weight, values({1, 0, 3, 0}).unsqueeze(0)));
  auto rows = matrix({{1}, {0}, {1}, {0}}).to(at::kBool);
  repair(*update, h.v, rows, stats);
  CHECK_FALSE(h.v.bias.defined());  // rows that go have nobody who reads their bias
}

TEST_CASE("allocator flap: the threshold whose kept weight is nearest to what is asked",
          "[criteria]") {
  const auto make = [](Value::Map settings) {
    return Registry<Allocator>::instance().create("flap", Value{std::move(settings)});
  };
  const std::vector<Part> parts{units_part("heads", 2, 8, 32, "head"),
                                units_part("neurons", 4, 1, 4, "neuron")};
  const auto counts = [&](Value::Map settings, double target) {
    const auto a = make(std::move(settings));
    std::vector<int64_t> all;
    for (const auto& s : shares(*a, parts, target,
                                {at::tensor({0.1f, 0.9f}), at::tensor({0.2f, 0.3f, 0.5f, 0.8f})}))
      all.push_back(s.count);
    return all;
  };
  // Weights 8 8 1 1 1 1. Kept from the top: 8 9 10 11 12 20; asked 20 * 0.45 = 9: all at or below
  // 0.8 go, but one neuron stays.
  CHECK(counts({}, 0.55) == std::vector<int64_t>{1, 3});
  CHECK(counts({}, 0.4) == std::vector<int64_t>{1, 1});                      // 12 is asked, at 0.2
  CHECK(counts({{"head_weight", 1.0}}, 0.5) == std::vector<int64_t>{1, 3});  // 3 of 6: 0.5
  // Apart: one head, then int((0.5 * 80 - 32) / 4) = 2 neurons.
  CHECK(counts({{"modules", Value("apart")}}, 0.5) == std::vector<int64_t>{1, 2});
  CHECK(counts({{"modules", Value("apart")}, {"layers", Value("uniform")}}, 0.5) ==
        std::vector<int64_t>{1, 2});
}
