// Criteria of experts: by hand from what the routers said, identities, errors.
#include "core/mixture.h"
#include "core/stage.h"
#include "criteria/by_hand.h"
#include "measure/routed.h"

using namespace bench;
using namespace bench::test;

namespace {

const std::string kModel = "family-qwen2-moe";  // six experts, two of them for a token

Method experts(const std::string& name, Value settings = Value(Value::Map{})) {
  Method m;
  m.criterion = Registry<Criterion>::instance().create(name, std::move(settings));
  m.allocator = Registry<Allocator>::instance().create("uniform");
  m.pattern.kind = Pattern::Structured;
  m.pattern.groups = {"expert"};
  m.propagation = Propagation::Dense;
  return m;
}

/// [units] of the first group.
Tensor scores(Model& model, const std::string& name, Value settings = Value(Value::Map{})) {
  at::NoGradGuard no_grad;
  const auto m = experts(name, std::move(settings));
  auto groups = model.groups("expert");
  std::vector<const Group*> all;
  for (const auto& g : groups) all.push_back(&g);
  auto data = tiny_text(4, 24, 2);
  const auto stats = collect(
      {model, {0, model.block_count()}, data, prunable(model, m.pattern), all, &m.pattern, 0.5},
      m.criterion->needs(), Pass::Global);
  return m.criterion->units(groups.front(), *stats);
}

/// What the first mixture's router said of each sequence.
std::vector<Routing> routed(Model& model) {
  at::NoGradGuard no_grad;
  auto* m = dynamic_cast<Routed&>(model).mixture(model.groups("expert").front().block);
  std::vector<Routing> all;
  const Watched watched(*m, [&](const Tensor&, const Routing& r) { all.push_back(r); });
  for (const auto& one : split(tiny_text(4, 24, 2).batches)) model.body(one);
  return all;
}

double worst(const Tensor& a, const Tensor& b) {
  return ((a - b).abs() / b.abs().clamp_min(1e-9)).max().item<double>();
}

}  // namespace

TEST_CASE("experts: frequency, probability and norms by hand", "[criteria]") {
  auto& model = *shipped(kModel).model;
  auto count = at::zeros({6}, at::kDouble), p = count.clone(), ean = count.clone(),
       weighted = count.clone();
  for (const auto& r : routed(model)) {
    const auto soft = r.logits.softmax(1).to(at::kDouble);
    for (const auto& a : r.answers)
      for (int64_t i = 0; i < a.rows.numel(); ++i) {
        const auto of = soft[a.rows[i].item<int64_t>()][a.expert];
        const auto norm = a.outputs[i].to(at::kDouble).norm();
        count[a.expert] += 1, p[a.expert] += of;
        ean[a.expert] += norm, weighted[a.expert] += norm * of;
      }
  }
  const auto form = [](const char* f) { return Value(Value::Map{{"form", Value(f)}}); };
  CHECK(scores(model, "expert_frequency").equal(count));
  CHECK(worst(scores(model, "soft_frequency"), p) < 1e-6);
  CHECK(worst(scores(model, "ean"), ean) < 1e-6);
  CHECK(worst(scores(model, "ean", form("mean")), ean / count.clamp_min(1)) < 1e-6);
  CHECK(worst(scores(model, "ean", form("weighted")), weighted) < 1e-6);
  CHECK(worst(scores(model, "reap"), weighted / count.clamp_min(1)) < 1e-6);
}

TEST_CASE("experts: REAP of an even router is mean EAN by the number of experts", "[criteria]") {
  auto& model = *shipped(kModel).model;
  for (auto& t : model.tensors())
    if (t.name.ends_with("mlp.gate.weight")) *t.tensor = *t.tensor * 1e-8;
  const auto mean = scores(model, "ean", Value(Value::Map{{"form", Value("mean")}}));
  CHECK(worst(scores(model, "reap") * 6, mean) < 1e-5);
}

TEST_CASE("experts: NAEE drops the set that is missed least", "[criteria]") {
  auto& model = *shipped(kModel).model;
  at::NoGradGuard no_grad;
  const auto kept = scores(model, "naee");
  CHECK(kept.sum().item<double>() == 3);
  const auto block = model.groups("expert").front().block;
  auto* m = dynamic_cast<Routed&>(model).mixture(block);
  std::vector<Tensor> inputs;
  {
    const Watched watched(*m, [&](const Tensor& x, const Routing&) { inputs.push_back(x); });
    for (const auto& one : split(tiny_text(4, 24, 2).batches)) model.body(one);
  }
  std::vector<Tensor> dense;
  for (const auto& x : inputs) dense.push_back((*m)(x));
  const auto loss = [&](const Tensor& alive) {
    m->alive = alive;
    double sum = 0;
    for (size_t i = 0; i < inputs.size(); ++i)
      sum += (dense[i] - (*m)(inputs[i])).norm().item<double>();
    m->alive = Tensor();
    return sum;
  };
  const double ours = loss(kept.to(at::kBool));
  for (int64_t a = 0; a < 6; ++a)
    for (int64_t b = a + 1; b < 6; ++b)
      for (int64_t c = b + 1; c < 6; ++c) {
        auto alive = at::ones({6}, at::kBool);
        alive[a] = alive[b] = alive[c] = false;
        CHECK(ours <= loss(alive) * (1 + 1e-6));
      }
}

TEST_CASE("experts: MoNE's variance is that of the outputs in one sequence's steps", "[criteria]") {
  auto& model = *shipped(kModel).model;
  const auto all = routed(model);
  const auto ours =
      scores(model, "mone", Value(Value::Map{{"metric", Value("output_fluctuation")}}));
  for (int64_t e = 0; e < 6; ++e) {
    std::vector<Tensor> seen;
    Tensor mean, variance;
    double n = 0;
    for (const auto& r : all)
      for (const auto& a : r.answers) {
        if (a.expert != e) continue;
        seen.push_back(a.outputs.to(at::kDouble));
        const auto rows = at::cat(seen);
        mean = rows.mean(0);
        const auto b = static_cast<double>(seen.back().size(0));
        variance = n == 0 ? at::zeros_like(mean)
                          : variance * ((n - 1) / (n + b - 1)) +
                                (seen.back() - mean).square().sum(0) / (n + b);
        n += b;
      }
    if (n > 0) CHECK(std::abs(ours[e].item<double>() - variance.norm().item<double>()) < 1e-6);
  }
}

TEST_CASE("experts: skipping leaves a token's first expert its whole weight", "[criteria]") {
  auto& model = *shipped("family-deepseek-v3").model;
  at::NoGradGuard no_grad;
  const Method none;
  std::map<std::string, std::shared_ptr<const Snapshot>> kept;
  StageContext c{model, none, 0, at::kCPU, kept, {}, {}, ""};
  c.calibration = [] { return tiny_text(4, 24, 2); };
  int records = 0;
  c.record = [&](const std::string&, double value, const std::string&) {
    ++records;
    CHECK(value >= 0);
    CHECK(value <= 1);
  };
  const auto before = tiny_logits(model);
  Registry<Stage>::instance().create("naee_skipping")->apply(c);
  CHECK(records > 0);
  CHECK((tiny_logits(model) - before).abs().max().item<double>() > 1e-4);
  const auto block = model.groups("expert").front().block;
  auto* m = dynamic_cast<Routed&>(model).mixture(block);
  {
    const Watched watched(*m, [&](const Tensor&, const Routing& r) {
      CHECK((r.experts == -1).any().item<bool>());
      CHECK((r.experts >= 0).any(1).all().item<bool>());
      CHECK(!r.weights.masked_select(r.experts < 0).any().item<bool>());
    });
    model.body(tiny_text(1, 24, 1).batches.front());
  }
  shipped("family-deepseek-v3");  // restored: a snapshot holds what is skipped
  CHECK(!m->skip.defined());
}

TEST_CASE("experts: models without any, and too many sets, are refused", "[criteria]") {
  auto& plain = *shipped("stories260k").model;
  auto data = tiny_text(2, 16, 2);
  CHECK(error_of([&] { prune(plain, experts("reap"), 0.5, data); }).size() > 10);
  CHECK(!experts("reap").mistakes(Input::Images, "resnet20").empty());
}
