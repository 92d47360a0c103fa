// Allocators that look for the best sum under a budget: against every choice there is.
#include "criteria/by_hand.h"
#include "measure/row_obs.h"
#include "measure/shortest.h"
#include "walk/pruner.h"
#include "walk/sparsity.h"

using namespace bench;
using namespace bench::test;

TEST_CASE("the cheapest choices are those of a search over all", "[criteria]") {
  at::manual_seed(4);
  for (int round = 0; round < 20; ++round) {
    std::vector<std::vector<Choice>> parts(4);
    for (auto& p : parts)
      for (int c = 0; c < 5; ++c)
        p.push_back({at::rand({}).item<double>(), double(c * (round % 3 + 1))});
    const double wanted = 7;
    double best = INFINITY;
    for (int code = 0; code < 625; ++code) {
      double loss = 0, gain = 0;
      for (int i = 0, rest = code; i < 4; ++i, rest /= 5)
        loss += parts[size_t(i)][size_t(rest % 5)].loss,
            gain += parts[size_t(i)][size_t(rest % 5)].gain;
      if (gain >= wanted) best = std::min(best, loss);
    }
    const auto found = cheapest_choices(parts, wanted, 7000);
    if (found.empty()) {
      CHECK(std::isinf(best));
      continue;
    }
    double loss = 0, gain = 0;
    for (size_t i = 0; i < 4; ++i) loss += parts[i][found[i]].loss, gain += parts[i][found[i]].gain;
    CHECK(std::abs(loss - best) < 1e-12);
    CHECK(gain >= wanted - 1e-9);
  }
  CHECK(cheapest_choices({{{0, 0}}, {{0, 1}}}, 2, 10).empty());
  CHECK(cheapest_choices({{{3, 0}, {1, 0}}}, 0, 10) == std::vector<size_t>{1});
}

TEST_CASE("obc_dp keeps the target and loses less than even shares, by masks and by traces",
          "[criteria]") {
  for (const std::string losses : {"masks", "traces"}) {
    CAPTURE(losses);
    auto& s = shipped("tiny-llama");
    at::NoGradGuard no_grad;
    Method m;
    m.criterion = criterion("wanda");
    m.pattern.contest = Contest::Layer;
    m.propagation = Propagation::Dense;
    m.allocator =
        named<Allocator>("allocator", "obc_dp", Value(Value::Map{{"losses", Value(losses)}}));
    auto data = tiny_text(4, 24, 4);
    // The squared error of all layers' outputs, on dense inputs.
    data.start(*s.model);
    const auto layers = s.model->layers();
    const auto stats = collect({*s.model, {0, s.model->block_count()}, data, layers},
                               {need<WideGram>()}, Pass::Local);
    std::vector<Tensor> dense;
    for (const Layer* l : layers) dense.push_back(l->matrix().to(at::kDouble));
    const auto error = [&] {
      double sum = 0;
      for (size_t i = 0; i < layers.size(); ++i) {
        const auto d = layers[i]->matrix().to(at::kDouble) - dense[i];
        sum += d.mm(stats->get<WideGram>(*layers[i]).gram).mul(d).sum().item<double>();
      }
      return sum;
    };
    prune(*s.model, m, 0.5, data);
    const double found = error();
    const auto share = measure_sparsity(*s.model);
    CHECK(share.linear_masked() == share.linear_total() / 2);
    s.dense->restore(*s.model);
    m.allocator = named<Allocator>("allocator", "uniform");
    data = tiny_text(4, 24, 4);
    prune(*s.model, m, 0.5, data);
    CHECK(found < error());
  }
  const auto low =
      Registry<Allocator>::instance().create("obc_dp", Value(Value::Map{{"highest", Value(0.3)}}));
  CHECK(contains(error_of([&] { shares(*low, {}, 0.5); }), "above allocator.highest"));
}

TEST_CASE("knapsack: the units whose scores add up to most stay within the budget", "[criteria]") {
  // One group's units cost three times the other's; two expensive ones weigh as six cheap ones.
  Layer cheap = layer("a", Rows(4, std::vector<float>(2, 1))),
        dear = layer("b", Rows(4, std::vector<float>(6, 1)));
  Group g1{"a", "neuron", 0, 0, 4}, g2{"b", "neuron", 0, 0, 4};
  g1.slices = {{&cheap, Slice::Out}}, g2.slices = {{&dear, Slice::Out}};
  std::vector<Part> parts{units_part("a", 4, 1, 2, "neuron"), units_part("b", 4, 1, 6, "neuron")};
  parts[0].group = &g1, parts[1].group = &g2;
  auto& s = shipped("tiny-llama");
  auto data = tiny_text(1, 8, 1);
  const Probe probe{*s.model, {0, 1}, data, {}};
  const auto knapsack = Registry<Allocator>::instance().create("knapsack");
  const auto of = [&](std::vector<double> a, std::vector<double> b, double target) {
    const HeldScores scores({at::tensor(a), at::tensor(b)});
    const auto found = knapsack->shares({parts, scores, Stats(), target, &probe});
    return std::pair(found[0].count, found[1].count);
  };
  // 16 of 32 must go: two dear units (12) and two cheap ones (4), or three cheap and ten more.
  CHECK(of({1, 1, 1, 1}, {2, 2, 2, 2}, 0.5) == std::pair<int64_t, int64_t>(2, 2));
  CHECK(of({1, 1, 1, 1}, {0, 0, 0, 9}, 0.5) == std::pair<int64_t, int64_t>(0, 3));
  CHECK(of({0, 0, 0, 9}, {5, 5, 5, 5}, 0.1875) == std::pair<int64_t, int64_t>(3, 0));
  // More than may go: every group keeps a unit.
  CHECK(of({1, 1, 1, 1}, {1, 1, 1, 1}, 0.95) == std::pair<int64_t, int64_t>(3, 3));
  const HeldScores none({at::ones({4}), at::ones({4})});
  CHECK(contains(error_of([&] { knapsack->shares({parts, none, Stats(), 0.5}); }), "no data"));
}
