// LLM-Pruner as its authors' code ran: scores of every group, removed units, shapes, parameters and
// perplexity of the shrunk model; local and global ranking, blocks or channels, one step or more.
#include <set>

#include "measure/passes.h"
#include "parity/recorded.h"
#include "walk/sparsity.h"

namespace bench::verify {
namespace {

const std::map<std::string, std::string> kTaylor{{"param_first", "llm_pruner_element1"},
                                                 {"param_second", "llm_pruner_element2"},
                                                 {"param_mix", "llm_pruner_mix"},
                                                 {"vectorize", "llm_pruner_vector"}};

std::unique_ptr<Criterion> criterion_of(const Json& p) {
  const auto type = p.at("pruner_type").get<std::string>();
  Value settings{Value::Map{}};
  settings.set("faithful", Value(true));
  if (type != "taylor") {
    if (type != "l1" && type != "l2") throw Missing("the authors' random numbers are not ours");
    return Registry<Criterion>::instance().create("llm_pruner_" + type, settings);
  }
  settings.set("grouping", Value(p.at("grouping_strategy").get<std::string>()));
  const auto it = kTaylor.find(p.at("taylor").get<std::string>());
  if (it == kTaylor.end()) throw Missing("taylor " + p.at("taylor").dump() + " is not built");
  return Registry<Criterion>::instance().create(it->second, settings);
}

Pattern pattern_of(const Json& p, const Model& model) {
  Pattern pattern;
  pattern.kind = Pattern::Structured;
  const auto mode = p.at("mode").get<std::string>();
  if (mode == "channel") {
    pattern.groups = {"hidden"};
    return pattern;
  }
  if (mode != "block") throw Missing("mode " + mode + " scores nothing");
  pattern.groups = {"head", "neuron"};
  pattern.exempt_first = p.at("block_start").get<int64_t>();
  pattern.exempt_last = model.block_count() - p.at("block_end_exclusive").get<int64_t>();
  return pattern;
}

/// Whether a recorded root belongs to a group: one of its matrices, or the norm that is the root
/// where the whole width goes.
bool is_root(const Group& g, const std::string& root) {
  for (const auto& s : g.slices)
    if (s.layer->name == root && s.dim == Slice::Out) return true;
  for (const auto& f : g.followers)
    if (f.name == root + ".weight") return true;
  return false;
}

/// What is recorded of a group at a step: the step-th group with that root.
const Json* recorded_group(const Json& record, const Group& g, int64_t step) {
  for (const auto& r : record.at("groups"))
    if (is_root(g, r.at("root").get<std::string>()) && step-- == 0) return &r;
  return nullptr;
}

/// Units of a group that went at a step, as the channels of the root say it.
std::set<int64_t> recorded_removed(const Json& record, const Group& g, int64_t step) {
  std::set<int64_t> units;
  for (const auto& r : record.at("removed")) {
    if (r.at("step").get<int64_t>() != step) continue;
    const auto root = r.at("root").get<std::string>();
    if (!is_root(g, root)) continue;
    for (const auto& m : r.at("removed")) {
      if (m.at("module").get<std::string>() != root) continue;
      for (const auto& i : m.at("idxs")) units.insert(i.get<int64_t>() / g.unit_width);
    }
  }
  return units;
}

struct Ranked {
  Group group;
  Tensor score;
  int64_t start;  // channels before the first step
};

/// Local rule of a step: what is above int(C (1 - r)) of the first width.
int64_t local_count(const Ranked& r, double ratio) {
  const auto stays = static_cast<int64_t>(static_cast<double>(r.start) * (1 - ratio));
  return std::min((r.group.channels() - stays) / r.group.unit_width, r.group.units - 1);
}

/// Global rule: raw scores, every unit counts as one.
std::vector<int64_t> global_counts(const std::vector<Ranked>& all, double ratio) {
  const auto global = Registry<Allocator>::instance().create(
      "global", Value{Value::Map{{"budget", Value("units")}}});
  std::vector<Part> parts;
  std::vector<Tensor> scores;
  for (const auto& r : all) {
    Part p;
    p.name = r.group.name, p.kind = r.group.kind;
    p.shape = {r.group.units}, p.size = r.group.units;
    p.unit_width = r.group.unit_width, p.at_least = r.group.at_least;
    parts.push_back(std::move(p));
    scores.push_back(r.score);
  }
  const HeldScores held(std::move(scores));
  std::vector<int64_t> counts;
  for (const auto& s : global->shares({parts, held, Stats(), ratio})) counts.push_back(s.count);
  return counts;
}

double compare_score(const Json& record, const TensorMap& data, const Ranked& r, int64_t step) {
  const auto* theirs = recorded_group(record, r.group, step);
  if (!theirs) bench::fail("{}: nothing is recorded of it at step {}", r.group.name, step);
  const auto each = data.at(theirs->at("key").get<std::string>() + ".importance");
  if (each.numel() != r.group.channels())
    bench::fail("{}: {} channels where {} are recorded", r.group.name, r.group.channels(),
                each.numel());
  const auto units = each.to(at::kDouble).reshape({r.group.units, -1}).sum(1);
  const auto scale = units.abs().mean().item<double>();
  return (r.score - units).abs().max().item<double>() / scale / 1e-4;
}

void compare_shapes(Model& model, const Json& record) {
  const auto& shapes = record.at("shapes_after");
  for (const auto& t : model.tensors()) {
    const auto it = shapes.find(t.name);
    if (it == shapes.end() || !t.tensor->defined()) continue;
    if (t.tensor->sizes().vec() != it->get<std::vector<int64_t>>())
      bench::fail("{} has another shape than the recorded {}", t.name, it->dump());
  }
}

/// One step on the model as it stands; returns the worst score deviation.
double one_step(Model& model, const Json& record, const TensorMap& data, const Pattern& pattern,
                const Criterion& criterion, Calibration& calibration,
                std::map<std::string, int64_t>& starts, int64_t step) {
  const auto& p = record.at("parameters");
  const double ratio = p.at("pruning_ratio").get<double>() * static_cast<double>(step + 1) /
                       p.at("iterative_steps").get<double>();
  const auto groups = prunable_groups(model, pattern);
  std::vector<const Group*> pointers;
  for (const auto& g : groups) pointers.push_back(&g);
  const Scope whole{0, model.block_count()};
  const auto stats = collect({model, whole, calibration, prunable(model, pattern), pointers},
                             criterion.needs(), Pass::Global);
  std::vector<Ranked> all;
  double worst = 0;
  for (const auto& g : groups) {
    const auto start = starts.try_emplace(g.name, g.channels()).first->second;
    all.push_back({g, criterion.units(g, *stats).to(at::kDouble), start});
    worst = std::max(worst, compare_score(record, data, all.back(), step));
  }
  const bool global = p.at("global_pruning").get<bool>();
  const auto counts = global ? global_counts(all, ratio) : std::vector<int64_t>();
  std::vector<Tensor> keeps;
  for (size_t i = 0; i < all.size(); ++i) {
    const auto count = global ? counts[i] : local_count(all[i], ratio);
    const auto keep = select_units(all[i].score.to(at::kFloat), count);
    const auto theirs = recorded_removed(record, all[i].group, step);
    for (int64_t u = 0; u < keep.numel(); ++u)
      if (keep[u].item<bool>() == (theirs.count(u) > 0))
        bench::fail("{}: other units are kept (the first: {})", all[i].group.name, u);
    keeps.push_back(keep);
  }
  for (size_t i = 0; i < all.size(); ++i) shrink(all[i].group, keeps[i]);
  return worst;
}

}  // namespace

void verify_llm_pruner(Run& run, const fs::path& file, const Json& record) {
  auto& model = *run.model(record.at("model").get<std::string>()).model;
  const auto data = read_safetensors((file.parent_path() / "data.safetensors").string());
  const auto& p = record.at("parameters");
  const auto criterion = criterion_of(p);
  const auto pattern = pattern_of(p, model);
  Calibration calibration;
  if (!record.at("calibration").is_null()) calibration = recorded_calibration(run, file, record);
  at::NoGradGuard no_grad;
  double worst = 0;
  std::map<std::string, int64_t> starts;
  for (int64_t step = 0; step < p.at("iterative_steps").get<int64_t>(); ++step)
    worst = std::max(worst,
                     one_step(model, record, data, pattern, *criterion, calibration, starts, step));
  if (worst > 1) bench::fail("a unit score is off by {:.1f} times the tolerance 1e-4", worst);
  compare_shapes(model, record);
  const auto& result = record.at("result");
  const auto parameters = measure_sparsity(model).parameters;
  if (parameters != result.at("params_after").get<int64_t>())
    bench::fail("{} parameters after shrinking where {} are recorded", parameters,
                result.at("params_after").dump());
  const auto eval =
      fmt::format("inputs/{}/eval40.safetensors", record.at("model").get<std::string>());
  expect_relative("perplexity", eval40(run, file, eval, model),
                  result.at("ppl_eval40").get<double>(), 1e-4);
  run.pass("llm_pruner", worst);
}

}  // namespace bench::verify
