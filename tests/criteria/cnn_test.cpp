// Criteria and allocators of convolutional networks on hand-made layers.
#include "by_hand.h"
#include "measure/channel_activity.h"
#include "measure/normalize.h"
#include "walk/schedule.h"
#include "tiny_vision.h"

using namespace bench;
using namespace bench::test;

namespace {

/// Two layers around two channels: `writer` [2, 2] makes them, `reader` [1, 2] sees them.
struct Pair {
  Layer writer = layer("writer", {{1, -2}, {3, 0}});
  Layer reader = layer("reader", {{2, -1}});
  Tensor gamma = at::tensor({-0.5f, 2.0f});
  Group group{"pair", "channel"};
  Pair() {
    group.units = 2;
    group.slices = {{&reader, Slice::In}, {&writer, Slice::Out}};
    group.followers = {{&gamma, Follower::Affine, 1, 0, "gamma"}};
  }
};

Tensor units(const std::string& name, Value::Map settings, const Pair& p,
             const Stats& stats = Stats()) {
  return criterion(name, std::move(settings))->units(p.group, stats);
}

std::unique_ptr<Allocator> allocator(const std::string& name, Value::Map settings = {}) {
  return Registry<Allocator>::instance().create(name, Value{std::move(settings)});
}

}  // namespace

TEST_CASE("LAMP: each square over those that are not smaller", "[cnn]") {
  CHECK(near(lamp_scores(at::tensor({9.f, 1.f, 4.f})), at::tensor({1.0, 1.0 / 14, 4.0 / 13})));
  const auto l = layer("l", {{3, 1}, {-2, 0}});
  CHECK(near(criterion("lamp")->score(View(l), Stats()), matrix({{1, 1.f / 14}, {4.f / 13, 0}})));
}

TEST_CASE("group norms by hand: members, reductions, normalisers", "[cnn]") {
  const Pair p;
  // |w|^2: writer 5, 9; reader 4, 1; gamma 0.25, 4.
  CHECK(near(units("group_norm", {{"members", "sum"}, {"normalizer", "none"}}, p),
             at::tensor({9.25, 14.0})));
  CHECK(near(units("group_norm", {{"normalizer", Value("mean")}}, p),
             at::tensor({9.25 / 11.625, 14.0 / 11.625})));
  CHECK(near(units("group_norm", {{"members", "first"}, {"normalizer", "none"}}, p),
             at::tensor({5.0, 9.0})));
  CHECK(near(units("group_norm", {{"p", 1}, {"members", "max"}, {"normalizer", "none"}}, p),
             at::tensor({3.0, 3.0})));
  CHECK(near(units("bn_gamma", {{"normalizer", Value("none")}}, p), at::tensor({0.5, 2.0})));
  CHECK(near(units("lamp", {}, p), at::tensor({9.25 / 23.25, 1.0})));
  CHECK(near(units("l2_filter", {}, p), at::tensor({std::sqrt(5.0), 3.0})));
}

TEST_CASE("group norms by hand: the last member, biases, higher powers, ranks", "[cnn]") {
  Pair p;
  p.writer.bias = at::tensor({0.5f, 1.0f});
  Tensor beta = at::tensor({3.0f, -1.0f});
  p.group.followers.push_back({&beta, Follower::Affine});
  CHECK(near(units("group_norm", {{"members", "last"}, {"normalizer", "none"}}, p),
             at::tensor({4.0, 1.0})));
  // The sum without biases is 9.25, 14; they add 0.25 + 9 and 1 + 1.
  Value::Map biased{{"members", "sum"}, {"normalizer", "none"}, {"bias", true}};
  CHECK(near(units("group_norm", biased, p), at::tensor({18.5, 16.0})));
  // Five members: two layers, a bias, scale and shift.
  Value::Map meant{{"members", "mean"}, {"normalizer", "none"}, {"bias", true}};
  CHECK(near(units("group_norm", meant, p), at::tensor({18.5 / 5, 16.0 / 5})));
  CHECK(near(units("group_norm", {{"p", 3}, {"members", "first"}, {"normalizer", "none"}}, p),
             at::tensor({9.0, 27.0})));
  CHECK(near(units("lamp", {{"p", 1}, {"members", "first"}}, p), at::tensor({0.5, 1.0})));
  const auto scores = at::tensor({4.0, 1.0, 3.0, 2.0});
  CHECK(near(normalized(scores, "sentinel", 0.5), scores / 3));
  CHECK(near(normalized(scores, "sentinel", 0.1), scores));
  CHECK(near(normalized(scores, "standardization"), (scores - 1) / 3));
  CHECK(error_of([&] { normalized(scores, "sentinel", 1); }).find("no score of rank") !=
        std::string::npos);
  CHECK(error_of([] {
          criterion("group_norm", {{"normalizer", "median"}});
        }).find("normalizer") != std::string::npos);
}

TEST_CASE("OBD-C and activations by hand", "[cnn]") {
  const Pair p;
  Stats stats;
  for (const auto* l : {&p.writer, &p.reader}) {
    auto& m = stats.put<GradientMoments>(*l, need<GradientMoments>());
    for (int i = 0; i < 3; ++i) m.on_gradient(at::ones_like(l->matrix()) * 2, 1);
  }
  // Three samples are two batches of two: F = 12 / 2; only the writer counts.
  CHECK(near(units("obdc", {{"normalizer", "none"}, {"batch", 2}}, p, stats),
             at::tensor({30.0, 54.0})));
  stats.put<ChannelActivity>(p.reader, need<ChannelActivity>(int64_t{0}))
      .add(matrix({{1, -2}, {3, 0}}));
  CHECK(near(units("activation", {{"normalizer", "none"}}, p, stats), at::tensor({4.0, 2.0})));
  Layer conv;
  conv.name = "conv", conv.weight = at::ones({1, 2, 3, 3});
  ChannelActivity seen(conv, 0);
  seen.add(at::cat({at::full({2, 1, 4, 4}, -2.f), at::full({2, 1, 4, 4}, 0.5f)}, 1));
  CHECK(near(seen.activity(), at::tensor({2.0, 0.5})));
  Group written{"g", "channel"};
  Layer writer = layer("w", {{1, 1}, {1, 1}});
  written.units = 2, written.slices = {{&writer, Slice::Out}};
  CHECK(error_of([&] {
          criterion("activation")->units(written, stats);
        }).find("no layer reads its units") != std::string::npos);
}

TEST_CASE("gradients of a group by hand: Taylor and the diagonal Fisher", "[cnn]") {
  const Pair p;
  Stats stats;
  stats.put<MeanGradient>(p.writer, need<MeanGradient>()).mean = matrix({{1, 1}, {-1, 5}});
  stats.put<MeanGradient>(p.reader, need<MeanGradient>()).mean = matrix({{0.5, 2}});
  CHECK(near(units("group_taylor", {{"members", "sum"}, {"normalizer", "none"}}, p, stats),
             at::tensor({1.0 + 2 + 1, 3.0 + 0 + 2})));
  Value::Map signs{{"members", "sum"}, {"normalizer", "none"}, {"multivariable", true}};
  CHECK(near(units("group_taylor", std::move(signs), p, stats), at::tensor({2.0, 5.0})));
  const auto vectors = std::make_shared<GradientMoments::Vectors>();
  (*vectors)["gamma"] = at::tensor({4.f, 8.f});
  for (const auto* l : {&p.writer, &p.reader}) {
    auto& m = stats.put<GradientMoments>(*l, need<GradientMoments>());
    m.on_gradient(at::ones_like(l->matrix()) * 2, 1);
    m.on_gradient(at::zeros_like(l->matrix()), 1);
    m.vector_square_sum = m.vector_last_square = vectors;
  }
  // mean g^2 = 2; gamma^2 * (4, 8) / 2
  CHECK(near(units("hessian", {{"members", "sum"}, {"normalizer", "none"}}, p, stats),
             at::tensor({5.0 * 2 + 4 * 2 + 0.25 * 2, 9.0 * 2 + 1 * 2 + 4.0 * 4})));
  Value::Map last{{"members", "sum"}, {"normalizer", "none"}, {"accumulate", "last"}};
  CHECK(near(units("hessian", std::move(last), p, stats), at::tensor({0.25 * 4, 4.0 * 8})));
}

TEST_CASE("FPGM: the filter in the middle is the most replaceable", "[cnn]") {
  Layer l = layer("l", {{0, 0}, {3, 4}, {6, 8}});
  Group g{"g", "channel"};
  g.units = 3;
  g.slices = {{&l, Slice::Out}};
  CHECK(near(criterion("fpgm")->units(g, Stats()), at::tensor({15.0, 10.0, 15.0})));
  // A third is set aside by its norm: it stays, and the others have one neighbour each.
  const auto rest = criterion("fpgm", {{"set_aside", 0.34}})->units(g, Stats());
  CHECK(near(rest.slice(0, 1), at::tensor({5.0, 5.0})));
  CHECK(rest[0].item<double>() > 5);
  // Of |w|^1 the distances are those of the weights here, of squares they are not.
  CHECK(near(criterion("fpgm", {{"form", "group"}, {"p", 1}})->units(g, Stats()),
             at::tensor({15.0, 10.0, 15.0})));
  CHECK(near(criterion("fpgm", {{"form", "group"}, {"members", "first"}})->units(g, Stats())[0],
             at::tensor(std::hypot(9.0, 16.0) + std::hypot(36.0, 64.0))));
}

TEST_CASE("allocators: counts of uniform+, ERK, ER and LAMP by hand", "[cnn]") {
  const std::vector<Part> parts{weights_part("conv", {4, 2, 3, 3}, 72),
                                weights_part("middle", {8, 4, 3, 3}, 288),
                                weights_part("fc", {10, 8}, 80)};
  auto s = shares(*allocator("uniform_plus"), parts, 0.5);
  CHECK(s[0].count == 0);
  CHECK(s[1].count == std::lround(288 * 220.0 / 368));
  s = shares(*allocator("uniform_plus"), parts, 0.75);
  CHECK(s[2].count == 64);  // a fifth of the last layer stays
  CHECK(s[1].count == std::lround((330.0 - 64) / 288 * 288));
  // ERK at 0.5: demands 12, 18, 18 of 220: 55, 82.5, 82.5 > 80: the last stays dense; then 140 by
  // 12 : 18 is 56, 84.
  s = shares(*allocator("erk"), parts, 0.5);
  CHECK(s[2].ratio == 0);
  CHECK(std::abs(s[0].ratio - (1 - 56.0 / 72)) < 1e-12);
  CHECK(std::abs(s[1].ratio - (1 - 84.0 / 288)) < 1e-12);
  s = shares(*allocator("erk", {{"counts", Value("round")}}), parts, 0.5);
  CHECK(s[0].count == 16);
  CHECK(s[1].count == 204);
  s = shares(*allocator("erk", {{"kernel", Value(false)}}), parts, 0.8);
  // (in + out) / (in out) times the weights: 54, 108, 18 of 88: 26.4, 52.8, 8.8.
  CHECK(std::abs(s[0].ratio - (1 - 26.4 / 72)) < 1e-12);
  CHECK(std::abs(s[2].ratio - (1 - 8.8 / 80)) < 1e-12);
  const auto lamp = allocator("lamp");
  const std::vector<Part> two{weights_part("a", {1, 2}, 2), weights_part("b", {1, 2}, 2)};
  // 1/5, 1 and 100/221, 1
  s = shares(*lamp, two, 0.25, {at::tensor({1.f, 2.f}), at::tensor({10.f, 11.f})});
  CHECK(s[0].count == 1);
  CHECK(s[1].count == 0);
}

TEST_CASE("global: with reference ties all up to the threshold go", "[cnn]") {
  const std::vector<Part> parts{weights_part("a", {1, 3}, 3), weights_part("b", {1, 3}, 3)};
  for (const bool reference : {false, true}) {
    const auto g = allocator("global", {{"ties", Value(reference ? "reference" : "stable")}});
    const auto s = shares(*g, parts, 0.34,  // two of six
                          {at::tensor({0.f, 0.f, 5.f}), at::tensor({0.f, 4.f, 3.f})});
    CHECK(s[0].count == 2);
    CHECK(s[1].count == (reference ? 1 : 0));
  }
}

TEST_CASE("schedules end at the target and rise", "[cnn]") {
  CHECK(schedule_targets("one_shot", 7, 0.5) == std::vector<double>{0.5});
  CHECK(schedule_targets("linear", 2, 0.5) == std::vector<double>{0.25, 0.5});
  CHECK(schedule_targets("cubic", 2, 0.8) == std::vector<double>{0.8 * 0.875, 0.8});
  const auto e = schedule_targets("exponential", 2, 0.75);
  CHECK(std::abs(e[0] - 0.5) < 1e-12);
  CHECK(e[1] == 0.75);
}

TEST_CASE("scores before training: SNIP is |w g|, SynFlow is conserved", "[cnn]") {
  const auto model = tiny_vision("resnet_b");
  const auto data = tiny_images(8);
  const auto layers = model->layers();
  const auto stats_of = [&](const Criterion& c) {
    return collect({*model, {0, model->block_count()}, data, layers}, c.needs(), Pass::Global);
  };
  const auto snip = criterion("snip");
  const auto a = stats_of(*snip);
  const auto mean = collect({*model, {0, model->block_count()}, data, layers},
                            {need<MeanGradient>()}, Pass::Global);
  double sum = 0;
  for (const Layer* l : layers) sum += snip->score(View(*l), *a).sum().item<double>();
  CHECK(std::abs(sum - 1) < 1e-4);
  const auto& l = *layers[3];
  const auto ours = snip->score(View(l), *a);
  const auto theirs = (l.matrix() * mean->get<MeanGradient>(l).mean).abs();
  CHECK(at::allclose(ours / ours.sum(), theirs / theirs.sum(), 1e-4, 1e-9));
  // R is a sum over paths: the scores of the first and the last layer each add up to R.
  const auto net = tiny_vision("vgg_plain");
  for (Layer* any : net->layers())
    if (any->bias.defined()) any->bias = at::zeros_like(any->bias);
  const auto flow = criterion("synflow");
  const auto all = net->layers();
  const auto f = collect({*net, {0, net->block_count()}, data, all}, flow->needs(), Pass::Global);
  const double first = flow->score(View(*all.front()), *f).sum(at::kDouble).item<double>();
  const double last = flow->score(View(*all.back()), *f).sum(at::kDouble).item<double>();
  CHECK(std::abs(first / last - 1) < 1e-5);
}

TEST_CASE("gates: Group Fisher squares sums of coupled layers, Taylor squares batch means",
          "[cnn]") {
  const auto model = tiny_vision("resnet_b");
  const auto data = tiny_images(6);
  const auto groups = model->groups("channel");
  const Group& g = groups.front();  // one reader: layer1.0.conv2
  const auto fisher = criterion("group_fisher"), taylor = criterion("taylor_gate");
  auto needs = fisher->needs();
  const auto stats =
      collect({*model, {0, model->block_count()}, data, model->layers()}, needs, Pass::Global);
  const auto f = fisher->units(g, *stats), t = taylor->units(g, *stats);
  // The gate's gradient by differences: the channel's input weights times (1 + h).
  Layer& reader = *g.slices.front().layer;
  const auto dense = reader.weight;
  const int64_t unit = 1;
  auto fisher_sum = 0.0, taylor_sum = 0.0;
  at::NoGradGuard no_grad;
  for (const auto& batch : data.batches) {
    const auto losses = [&](double h) {
      auto w = dense.clone();
      w.narrow(1, unit, 1).mul_(1 + h);
      reader.weight = w;
      const auto logits = model->forward(batch).to(at::kDouble);
      return logits.logsumexp(1) - logits.gather(1, batch.labels.unsqueeze(1)).squeeze(1);
    };
    const auto d = (losses(1e-2) - losses(-1e-2)) / 2e-2;
    fisher_sum += d.square().sum().item<double>();
    taylor_sum += std::pow(d.mean().item<double>(), 2) / static_cast<double>(data.batches.size());
  }
  reader.weight = dense;
  CHECK(std::abs(f[unit].item<double>() / fisher_sum - 1) < 0.05);
  CHECK(std::abs(t[unit].item<double>() / taylor_sum - 1) < 0.05);
}
