// Every criterion of the registry against every pattern that it accepts: a new plugin is tested by
// being there.
#include "tensor/device.h"
#include "measure/statistics.h"
#include "fixture.h"
#include "walk/sparsity.h"

using namespace bench;
using namespace bench::test;

namespace {

struct Case {
  std::string model;
  Pattern pattern;
  Propagation propagation;
};

Pattern make_pattern(Pattern::Kind kind, std::vector<std::string> groups = {}) {
  Pattern p;
  p.kind = kind;
  p.keep = 2, p.of = 4;
  p.groups = std::move(groups);
  if (kind == Pattern::Structured && p.groups.front() == "head") p.exempt_first = p.exempt_last = 1;
  return p;
}

const std::vector<Case>& cases() {
  static const std::vector<Case> all{
      {"stories260k", make_pattern(Pattern::Unstructured), Propagation::SequentialBlock},
      {"stories260k", make_pattern(Pattern::NM), Propagation::PerLinear},
      {"opt-ts-1m", make_pattern(Pattern::NM), Propagation::Dense},
      {"stories260k", make_pattern(Pattern::Structured, {"head", "neuron"}), Propagation::Dense},
      {"opt-ts-1m", make_pattern(Pattern::Structured, {"head", "neuron"}),
       Propagation::SequentialBlock},
      {"bloom-ts-1m", make_pattern(Pattern::Structured, {"head", "neuron"}), Propagation::Dense},
      {"tiny-gpt2", make_pattern(Pattern::Structured, {"head", "neuron"}), Propagation::Dense},
      {"tiny-gpt2", make_pattern(Pattern::NM), Propagation::PerLinear},
      {"tiny-gpt_neox", make_pattern(Pattern::Structured, {"head", "neuron"}),
       Propagation::SequentialBlock},
      {"resnet20", make_pattern(Pattern::Unstructured), Propagation::Dense},
      {"resnet20", make_pattern(Pattern::Structured, {"channel"}), Propagation::Dense}};
  return all;
}

Method make_method(const std::string& criterion, const Case& c, bool obs = false) {
  Method m;
  m.criterion = Registry<Criterion>::instance().create(criterion);
  m.allocator = Registry<Allocator>::instance().create("uniform");
  if (obs) m.update = Registry<Update>::instance().create("obs");
  m.pattern = c.pattern;
  m.propagation = c.propagation;
  return m;
}

/// Whether the criterion takes this pattern on this kind of model; refusing is a sentence, not a
/// crash.
bool accepts(const std::string& name, const Case& c) {
  const bool images = c.model == "resnet20";
  const bool text_only = name == "mini_llm";
  const bool images_only = name == "ifso" || name == "grasp";
  if ((images && text_only) || (!images && images_only)) return false;
  try {
    make_method(name, c).check();
    return true;
  } catch (const Error& e) {
    CHECK(std::string(e.what()).size() > 20);
    return false;
  }
}

Calibration data_for(const Case& c, int64_t together) {
  return c.model == "resnet20" ? tiny_images(8) : tiny_text(4, 24, together);
}

void check_counts(Model& model, const Case& c, const std::vector<Removed>& removed) {
  for (const Layer* l : model.layers()) {
    if (l->mask.defined()) CHECK(!l->matrix().masked_select(~l->mask).any().item<bool>());
    CHECK(!l->tap);
    CHECK(!l->lens);
    CHECK(!l->gate.defined());
  }
  if (c.pattern.kind == Pattern::NM) CHECK(broken_nm(model, 2, 4).empty());
  for (const auto& r : removed)
    CHECK(r.keep.logical_not().sum().item<int64_t>() ==
          removed_units(r.group.units, r.group.unit_width, 0.5));
}

struct Pruned {
  std::vector<Removed> removed;
  std::string masks, weights;
};
Pruned run(const std::string& name, const Case& c, int64_t together, bool obs = false) {
  auto& s = shipped(c.model);
  auto data = data_for(c, together);
  Pruned p;
  p.removed = prune(*s.model, make_method(name, c, obs), 0.5, data);
  check_counts(*s.model, c, p.removed);
  p.masks = mask_hash(*s.model);
  p.weights = weight_hash(*s.model);
  return p;
}

Batch probe_batch(const std::string& model) {
  if (model == "resnet20")
    return read_cifar((root() / "data/vision/cifar10_test932.bin").string(), 0, 16);
  return tiny_text(3, 20, 3).batches.front();
}

}  // namespace

TEST_CASE("conformance: counts, masks, no trace, the same bits twice", "[conformance]") {
  for (const auto& name : Registry<Criterion>::instance().names())
    for (const auto& c : cases()) {
      if (!accepts(name, c)) continue;
      INFO(name << " on " << c.model << ", " << c.pattern.label());
      const auto first = run(name, c, 16);
      const auto again = run(name, c, 1);  // batch size 1 instead of 16
      CHECK(first.masks == again.masks);
      CHECK(first.weights == again.weights);
      at::set_num_threads(2);
      const auto two = run(name, c, 16);
      at::set_num_threads(1);
      CHECK(first.masks == two.masks);
      CHECK(first.weights == two.weights);
    }
}

TEST_CASE("conformance: a masked model and the shrunk one are the same function", "[conformance]") {
  for (const auto& name : Registry<Criterion>::instance().names())
    for (const auto& c : cases()) {
      if (c.pattern.kind != Pattern::Structured || !accepts(name, c)) continue;
      INFO(name << " on " << c.model);
      const auto p = run(name, c, 16);
      auto& s = shipped(c.model);
      auto data = data_for(c, 16);
      const auto removed = prune(*s.model, make_method(name, c), 0.5, data);
      check_counts(*s.model, c, removed);
      at::NoGradGuard no_grad;
      const auto batch = probe_batch(c.model);
      const auto masked = s.model->forward(batch);
      const auto before = measure_sparsity(*s.model).parameters;
      for (const auto& r : removed) shrink(r.group, r.keep);
      const auto shrunk = s.model->forward(batch);
      // 1e-5 of the largest logit: sums over fewer terms round differently (mini_llm.md 10, check
      // 1).
      CHECK((masked - shrunk).abs().max().item<double>() <=
            1e-5 * masked.abs().max().item<double>());
      CHECK(measure_sparsity(*s.model).parameters < before);
    }
}

namespace {

struct OnDevice {
  OnDevice(Model& m, const at::Device& device) : model(m) { model.to(device); }
  ~OnDevice() { model.to(at::kCPU); }
  Model& model;
};

/// What is kept of every layer or group, on the CPU, end to end.
Tensor all_kept(Model& model, const std::vector<Removed>& removed) {
  std::vector<Tensor> all;
  for (const auto& r : removed) all.push_back(r.keep.cpu().flatten());
  if (removed.empty())
    for (const Layer* l : model.layers())
      if (l->mask.defined()) all.push_back(l->mask.cpu().flatten());
  return at::cat(all);
}

/// `nudge`: the size of a relative change of every parameter before it all begins.
Tensor kept_on(const at::Device& device, const std::string& name, const Case& c, bool obs,
               double nudge = 0) {
  auto& s = shipped(c.model);
  at::manual_seed(3);
  for (auto& t : s.model->tensors())
    if (nudge > 0 && t.parameter && t.tensor->defined())
      *t.tensor = *t.tensor * (1 + nudge * at::randn(t.tensor->sizes()));
  const OnDevice there(*s.model, device);
  auto data = data_for(c, 16);
  for (auto& b : data.batches) b = b.to(device);
  const auto removed = prune(*s.model, make_method(name, c, obs), 0.5, data);
  check_counts(*s.model, c, removed);
  const auto logits = s.model->forward(probe_batch(c.model)).cpu();
  CHECK(at::isfinite(logits).all().item<bool>());
  const auto kept = all_kept(*s.model, removed);
  for (const auto& r : removed) shrink(r.group, r.keep);
  CHECK((s.model->forward(probe_batch(c.model)).cpu() - logits).abs().max().item<double>() <=
        1e-5 * logits.abs().max().item<double>());
  return kept;
}

}  // namespace

TEST_CASE(
    "CUDA: every criterion keeps its counts, gives the same bits twice, and agrees with the "
    "CPU",
    "[gpu]") {
  const auto why = error_of([] { open_device("cuda"); });
  if (!why.empty()) {
    WARN("skipped: " << why);
    SUCCEED();
    return;
  }
  at::NoGradGuard no_grad;
  for (const auto& name : Registry<Criterion>::instance().names())
    for (const auto& c : cases())
      for (const bool obs : {false, true}) {
        if (!accepts(name, c) || (obs && (name != "sparsegpt" || c.model == "resnet20"))) continue;
        INFO(name << " on " << c.model << ", " << c.pattern.label() << (obs ? ", obs" : ""));
        try {
          const auto there = kept_on(at::kCUDA, name, c, obs);
          CHECK(there.equal(kept_on(at::kCUDA, name, c, obs)));
          if (c.pattern.kind == Pattern::Structured) continue;  // one unit may be a large share
          const auto here = kept_on(at::kCPU, name, c, obs);
          // The other library's sums round differently, so that near-ties fall the other way; a
          // change of 1e-6 here says how many there are, and what a walk makes of the first.
          const auto nudged = kept_on(at::kCPU, name, c, obs, 1e-6);
          const auto share = [&](const Tensor& other) {
            return other.ne(here).to(at::kDouble).mean().item<double>();
          };
          INFO(share(there) << " of the mask differs, " << share(nudged) << " when nudged");
          CHECK(share(there) <= 0.002 + 2 * share(nudged));
        } catch (const std::exception& e) {
          FAIL_CHECK(std::string(e.what()).substr(0, 300));
        }
      }
}

namespace {

/// tr(D G D^T), D = pruned - dense weight of the first layer: its output error on the calibration
/// data.
double first_layer_error(const std::string& criterion, bool obs) {
  const auto& c = cases().front();
  auto& s = shipped(c.model);
  auto data = data_for(c, 4);
  data.start(*s.model);
  Layer* first = s.model->layers().front();
  const auto dense = first->matrix();
  const auto stats = collect({*s.model, {0, 1}, data, {first}}, {need<InputGram>()}, Pass::Local);
  prune(*s.model, make_method(criterion, c, obs), 0.5, data);
  const auto d = (first->matrix() - dense).to(at::kDouble);
  return d.mm(stats->get<InputGram>(*first).gram.to(at::kDouble)).mul(d).sum().item<double>();
}

}  // namespace

TEST_CASE("conformance: the OBS repair lowers a layer's error under any criterion",
          "[conformance]") {
  for (const std::string name : {"magnitude", "wanda", "random"}) {
    INFO(name);
    const auto plain = first_layer_error(name, false);
    CHECK(first_layer_error(name, true) < plain);
  }
}

TEST_CASE("global allocation removes exactly the target; erk keeps the budget", "[conformance]") {
  for (const std::string allocator : {"global", "erk"}) {
    auto& s = shipped("stories260k");
    Case c = cases().front();
    auto m = make_method("magnitude", c);
    m.allocator = Registry<Allocator>::instance().create(allocator);
    Calibration none;
    prune(*s.model, m, 0.5, none);
    const auto found = measure_sparsity(*s.model);
    const auto total = found.linear_total();
    if (allocator == "global")
      CHECK(found.linear_masked() == total / 2);
    else
      CHECK(std::abs(double(found.linear_masked()) / double(total) - 0.5) <
            1e-3);  // int() per layer
  }
}

TEST_CASE("identities: with unit inputs Wanda ranks as magnitude per row", "[conformance]") {
  auto& s = shipped("stories260k");
  Layer* l = s.model->layers().front();
  Stats stats;
  const auto wanda = Registry<Criterion>::instance().create("wanda");
  const auto kind = wanda->needs().front();
  auto* moments = stats.add(kind, *l);
  moments->on_input(at::ones({5, l->columns()}), 1);
  const auto score = wanda->score(View(*l), stats);
  const auto ours = select(score, Contest::Row, 0.5);
  CHECK(ours.equal(select(l->matrix().abs(), Contest::Row, 0.5)));
}
