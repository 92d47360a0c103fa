#pragma once
// Models, patterns and runs that the suites of this folder share.
#include "conformance/chosen.h"
#include "core/stage.h"
#include "fixture.h"
#include "measure/statistics.h"
#include "walk/pruner.h"
#include "walk/sparsity.h"

namespace bench::test {

struct Case {
  std::string model;
  Pattern pattern;
  Propagation propagation;
  at::ScalarType compute = at::kFloat;
};

inline Pattern make_pattern(Pattern::Kind kind, std::vector<std::string> groups = {}) {
  Pattern p;
  p.kind = kind;
  p.keep = 2, p.of = 4;
  p.groups = std::move(groups);
  if (kind == Pattern::Structured && p.groups.front() == "head") p.exempt_first = p.exempt_last = 1;
  return p;
}

inline const std::vector<Case>& cases() {
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
      {"stories260k", make_pattern(Pattern::Structured, {"block"}), Propagation::Dense},
      {"opt-ts-1m", make_pattern(Pattern::Structured, {"attention", "mlp"}), Propagation::Dense},
      {"tiny-llama", make_pattern(Pattern::Structured, {"hidden"}), Propagation::Dense},
      {"family-qwen2-moe", make_pattern(Pattern::Structured, {"expert"}), Propagation::Dense},
      {"family-vit", make_pattern(Pattern::Structured, {"head", "neuron"}), Propagation::Dense},
      {"family-vit", make_pattern(Pattern::Structured, {"head_dim", "neuron"}), Propagation::Dense},
      {"family-bert-mlm", make_pattern(Pattern::Structured, {"neuron"}), Propagation::Dense},
      {"family-distilbert-cls", make_pattern(Pattern::Structured, {"neuron", "head"}),
       Propagation::Dense},
      {"resnet20", make_pattern(Pattern::Unstructured), Propagation::Dense},
      {"resnet20", make_pattern(Pattern::Structured, {"channel"}), Propagation::Dense}};
  return all;
}

/// The same cases on models of a few thousand weights: updates invert a matrix for every row
/// (OBC) or iterate (ALPS).
inline std::vector<Case> small_cases() {
  auto all = cases();
  for (auto& c : all)
    for (const auto& [shipped, tiny] :
         {std::pair("stories260k", "tiny-llama"), std::pair("opt-ts-1m", "tiny-opt"),
          std::pair("bloom-ts-1m", "tiny-bloom")})
      if (c.model == shipped) c.model = tiny;
  return all;
}

inline Method make_method(const std::string& criterion, const Case& c, bool obs = false) {
  Method m;
  m.criterion = named<Criterion>("criterion", criterion);
  m.allocator = named<Allocator>("allocator", c.pattern.depth() ? "global" : "uniform");
  if (obs) m.updates.push_back(named<Update>("update", "obs"));
  m.pattern = c.pattern;
  m.propagation = c.propagation;
  return m;
}

inline bool sees_images(const std::string& model) {
  return model == "resnet20" || model == "family-vit";
}
inline Input input_of(const Case& c) {
  if (c.model == "family-bert-mlm") return Input::MaskedText;
  if (c.model == "family-distilbert-cls") return Input::LabelledText;
  return sees_images(c.model) ? Input::Images : Input::Text;
}

/// Whether a method takes this pattern on this kind of model; refusing is a sentence.
inline bool accepts(const Method& m, const Case& c) {
  const auto mistakes = m.mistakes(input_of(c), c.model);
  for (const auto& sentence : mistakes) CHECK(sentence.size() > 20);
  return mistakes.empty();
}
inline bool accepts(const std::string& name, const Case& c) {
  return accepts(make_method(name, c), c);
}

inline Calibration data_for(const Case& c, int64_t together) {
  if (input_of(c) == Input::LabelledText) {
    auto data = tiny_text(4, 24, together);
    int64_t text = 0;
    for (auto& b : data.batches) {
      b.labels = (at::arange(b.count()) + text).remainder(2);
      text += b.count();
    }
    return data;
  }
  return sees_images(c.model) ? tiny_images(8) : tiny_text(4, 24, together);
}

inline void check_counts_of_masks(Model& model, const Case& c, const std::vector<Removed>&) {
  for (const Layer* l : model.layers()) {
    CHECK(l->weight.scalar_type() == c.compute);
    if (l->mask.defined()) CHECK(!l->matrix().masked_select(~l->mask).any().item<bool>());
    CHECK(!l->tap);
    CHECK(!l->lens);
    CHECK(!l->gate.defined());
  }
  if (c.pattern.kind == Pattern::NM) CHECK(broken_nm(model, 2, 4).empty());
}

inline void check_counts(Model& model, const Case& c, const std::vector<Removed>& removed) {
  check_counts_of_masks(model, c, removed);
  if (c.pattern.depth()) return;  // a share of all of them
  for (const auto& r : removed)
    CHECK(r.keep.logical_not().sum().item<int64_t>() ==
          removed_units(r.group.units, r.group.unit_width, 0.5));
}

struct Pruned {
  std::vector<Removed> removed;
  std::string masks, weights;
};
/// The stage that a criterion needs in front, then the pruning.
inline std::vector<Removed> prune_with_stage(Model& model, const Method& how, Calibration& data) {
  if (const auto stage = how.criterion->accepts().stage; !stage.empty()) {
    at::NoGradGuard no_grad;
    std::map<std::string, std::shared_ptr<const Snapshot>> kept;
    StageContext c{model, how, 0.5, at::kCPU, kept, {}, {}, ""};
    c.calibration = [&] { return data; };
    Registry<Stage>::instance().create(stage)->apply(c);
  }
  return prune(model, how, 0.5, data);
}

inline Pruned run(const std::string& name, const Case& c, int64_t together, bool obs = false) {
  auto& s = shipped(c.model, c.compute);
  auto data = data_for(c, together);
  Pruned p;
  p.removed = prune_with_stage(*s.model, make_method(name, c, obs), data);
  check_counts(*s.model, c, p.removed);
  p.masks = mask_hash(*s.model);
  p.weights = weight_hash(*s.model);
  return p;
}

inline Batch probe_batch(const std::string& model) {
  if (sees_images(model))
    return read_cifar((root() / "data/vision/cifar10_test932.bin").string(), 0, 16);
  return tiny_text(3, 20, 3).batches.front();
}

}  // namespace bench::test
