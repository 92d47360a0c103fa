// Masks of heads and neurons (Kwon et al.): search, rearrangement, scales by hand and on an
// encoder.
#include "criteria/by_hand.h"
#include "measure/lsmr.h"
#include "measure/unit_masks.h"
#include "measure/unit_scales.h"
#include "walk/pruner.h"

using namespace bench;
using namespace bench::test;

namespace {

Tensor flags(std::vector<int64_t> values) {
  return at::tensor(values, at::kLong).to(at::kBool);
}

}  // namespace

TEST_CASE("LSMR: a damped system against its direct solution", "[unit_masks]") {
  at::manual_seed(3);
  const auto a = at::randn({7, 5}, at::kDouble), b = at::randn({7}, at::kDouble);
  const auto normal = a.t().mm(a) + at::eye(5, at::kDouble);
  const auto direct = at::linalg_solve(normal, a.t().mv(b));
  const auto found = lsmr(a, b, 1, 100);
  CHECK(found.reason == 2);
  CHECK((found.x - direct).abs().max().item<double>() < 1e-6);
  CHECK(lsmr(a, b, 1, 1).reason == 7);
  CHECK(lsmr(a, at::zeros({7}), 1, 10).reason == 0);
}

TEST_CASE("search: every count of the one kind, the rest of the budget for the other",
          "[unit_masks]") {
  const auto heads = at::tensor({5.0, 1.0}), neurons = at::tensor({2.0, 3.0, 1.0, 0.5});
  // One head and two neurons (10) beat two heads (6) for 6 units of cost.
  const auto picked = pick_units(heads, 3, neurons, 1, 5.5);
  CHECK(picked.first.equal(flags({1, 0})));
  CHECK(picked.second.equal(flags({1, 1, 0, 0})));
  // A budget below one head's cost by less than a neuron's still takes it: int() cuts to zero.
  CHECK(pick_units(heads, 3, neurons, 1, 2.5).first.sum().item<int64_t>() == 1);
  CHECK(pick_units(heads, 3, neurons, 1, 1.5).first.sum().item<int64_t>() == 0);
  CHECK(pick_units(at::zeros({0}), 0, neurons, 1, 2).second.equal(flags({1, 1, 0, 0})));
}

TEST_CASE("rearrangement: gradients that cancel go together", "[unit_masks]") {
  // The two smallest point the same way; the third is the first's opposite.
  const auto g = matrix({{1, 1.1f, -1.2f}, {0, 0, 0}});
  CHECK(rearranged(flags({0, 0, 1}), g).equal(flags({1, 0, 0})));
  CHECK(rearranged(flags({1, 1, 1}), g).all().item<bool>());
}

namespace {

/// Twelve short texts of two classes.
Calibration labelled() {
  std::vector<Sequence> all;
  for (int64_t i = 0; i < 12; ++i) {
    Sequence s;
    for (int64_t k = 0; k < 5 + i % 4; ++k) s.push_back(5 + (7 * i + 3 * k) % 40);
    all.push_back(s);
  }
  Calibration c;
  c.batches = {text_batch(all)};
  c.batches.front().labels = at::arange(12).remainder(2);
  return c;
}

Method kwon(bool rescale) {
  Method m;
  m.pattern.kind = Pattern::Structured;
  m.pattern.groups = {"head", "neuron"};
  m.propagation = Propagation::Dense;
  const Value::Map how{{"batch", Value(4)}};
  m.criterion = named<Criterion>("criterion", "kwon", Value(how));
  m.allocator = named<Allocator>("allocator", "kwon", Value(how));
  if (rescale) m.updates.push_back(named<Update>("update", "kwon_rescale", Value(how)));
  return m;
}

}  // namespace

TEST_CASE("kwon: counts of the search, scales that bring the outputs closer", "[unit_masks]") {
  at::NoGradGuard no_grad;
  auto& model = *shipped("family-distilbert-cls").model;
  const Restored restored(model);
  const Snapshot dense(model);
  auto data = labelled();
  const auto before = model.forward(data.batches.front());
  const auto removed = prune(model, kwon(false), 0.4, data);
  const auto masked = model.forward(data.batches.front());
  double units = 0;
  for (const auto& r : removed) units += static_cast<double>((~r.keep).sum().item<int64_t>());
  CHECK(units > 0);
  dense.restore(model);
  prune(model, kwon(true), 0.4, data);
  const auto scaled = model.forward(data.batches.front());
  CHECK_FALSE(scaled.equal(masked));
  CHECK(scaled.isfinite().all().item<bool>());
  // The same bits however the data was batched.
  dense.restore(model);
  Calibration other = labelled();
  other.batches = split(other.batches);
  prune(model, kwon(true), 0.4, other);
  CHECK(model.forward(data.batches.front()).equal(scaled));
  CHECK_FALSE(before.equal(scaled));
  // Without labels there is no loss to differentiate: one sentence.
  dense.restore(model);
  auto bare = labelled();
  bare.batches.front().labels = Tensor();
  CHECK(error_of([&] { prune(model, kwon(false), 0.4, bare); }).find("needs labels") !=
        std::string::npos);
}
