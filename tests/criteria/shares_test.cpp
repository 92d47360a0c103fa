// Allocators by hand: AlphaPruning, DLP, ATP; EvoPress's level switch on a model.
#include "criteria/by_hand.h"
#include "walk/pruner.h"
#include "walk/sparsity.h"

using namespace bench;
using namespace bench::test;

namespace {

std::unique_ptr<Allocator> allocator(const std::string& name, Value::Map settings = {}) {
  return Registry<Allocator>::instance().create(name, Value{std::move(settings)});
}

bool near_to(double a, double b) {
  return std::abs(a - b) < 1e-6;
}

/// One layer a block.
std::vector<Part> parts_of(const std::vector<Layer>& layers) {
  std::vector<Part> parts;
  for (size_t i = 0; i < layers.size(); ++i) {
    parts.push_back(
        weights_part(layers[i].name, layers[i].weight.sizes().vec(), layers[i].weight.numel()));
    parts.back().layer = &layers[i];
    parts.back().block = static_cast<int64_t>(i);
  }
  return parts;
}

/// A diagonal weight with those squared singular values' logarithms.
Layer spectrum(const std::string& name, const std::vector<float>& logs) {
  Layer l;
  l.name = name;
  l.weight = at::diag(at::tensor(logs).div(2).exp());
  return l;
}

}  // namespace

TEST_CASE("alphapruning: the upper half's exponent by hand; equal spectra are uniform",
          "[criteria]") {
  // Logarithms 2, 3 above 2: 5 - 2 * 2 = 1, alpha 1 + 2 / 1 = 3; twice as far apart 2.
  const std::vector<Layer> layers{spectrum("a", {0, 1, 2, 3}), spectrum("b", {0, 2, 4, 6})};
  const auto parts = parts_of(layers);
  const auto mid = allocator("alphapruning", {{"from", Value("mid")}, {"per", Value("layer")}});
  const auto s = shares(*mid, parts, 0.5);
  CHECK(near_to(s[0].ratio, 0.65));  // 1 + 0.3 of the target
  CHECK(near_to(s[1].ratio, 0.35));
  const std::vector<Layer> same{layers[0], layers[0]};
  for (const std::string from : {"mid", "peak"})
    for (const std::string per : {"layer", "block"}) {
      const auto a = allocator("alphapruning", {{"from", Value(from)}, {"per", Value(per)}});
      for (const auto& share : shares(*a, parts_of(same), 0.5)) CHECK(near_to(share.ratio, 0.5));
    }
}

TEST_CASE("dlp: smaller mean scores keep more", "[criteria]") {
  const std::vector<Layer> layers{layer("a", {{1, 1}}), layer("b", {{3, 3}})};
  Stats stats;
  for (const auto& l : layers) feed(stats, l, {{1, 1}});
  const auto parts = parts_of(layers);
  const HeldScores none({});
  // 1 - d / sum: 3/4 and 1/4, stretched to 0.3 and 0, moved to the mean: 0.15 more and less.
  const auto s = allocator("dlp")->shares({parts, none, stats, 0.6});
  CHECK(near_to(s[0].ratio, 0.45));
  CHECK(near_to(s[1].ratio, 0.75));
}

TEST_CASE("atp: shares rise by the step; one that is too long is refused", "[criteria]") {
  const std::vector<Layer> layers{layer("a", {{1}}), layer("b", {{1}}), layer("c", {{1}})};
  const auto parts = parts_of(layers);
  const auto s = shares(*allocator("atp", {{"step", Value(0.1)}}), parts, 0.5);
  CHECK(near_to(s[0].ratio, 0.4));
  CHECK(near_to(s[1].ratio, 0.5));
  CHECK(near_to(s[2].ratio, 0.6));
  const auto steep = allocator("atp", {{"step", Value(0.6)}});
  CHECK(contains(error_of([&] { shares(*steep, parts, 0.5); }), "use at most 0.5000"));
}

TEST_CASE("evopress finds shares that lose less than even ones, at the same size", "[criteria]") {
  const auto loss = [](const std::string& name, Value::Map settings) {
    auto& s = shipped("stories260k");
    Method m;
    m.criterion = named<Criterion>("criterion", "magnitude");
    m.allocator = named<Allocator>("allocator", name, Value(std::move(settings)));
    m.propagation = Propagation::Dense;
    auto data = tiny_text(6, 48, 6);
    prune(*s.model, m, 0.6, data);
    const auto found = measure_sparsity(*s.model);
    CHECK(std::abs(double(found.linear_masked()) / double(found.linear_total()) - 0.6) < 2e-3);
    at::NoGradGuard no_grad;
    return s.model->loss(data.batches.front()).item<double>();
  };
  const Value::Map search{{"fitness", Value("ppl")},
                          {"generations", Value(4)},
                          {"offspring", Value(6)},
                          {"survivors", Value(Value::List{Value(1)})},
                          {"tokens", Value(Value::List{Value(288)})}};
  CHECK(loss("evopress", search) < loss("uniform", {}));
}
