// FLAP, Wanda-sp and magnitude-sp as FLAP's code ran: units kept, new biases, perplexity of the
// shrunk model. The masked model must give the same perplexity.
#include "measure/passes.h"
#include "parity/recorded.h"

namespace bench::verify {
namespace {

template <class T>
std::unique_ptr<T> make(const std::string& name, Value::Map settings = {}) {
  return Registry<T>::instance().create(name, Value{std::move(settings)});
}

Method flap(const Json& record) {
  const auto& p = record.at("parameters");
  Method how;
  auto metric = p.at("metrics").get<std::string>();
  std::transform(metric.begin(), metric.end(), metric.begin(), [](char c) {
    return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  });
  const auto structure = p.at("structure").get<std::string>();
  const bool adaptive = structure.rfind("AL", 0) == 0;
  how.criterion = make<Criterion>(
      "flap", {{"metric", metric}, {"variance", "flap_reference"}, {"standardise", adaptive}});
  how.pattern.reference_ties = !adaptive;
  if (structure == "AL-AM") {
    const auto weight = record.at("extra").at("head_weight_used").get<double>();
    how.allocator = make<Allocator>("flap", {{"head_weight", weight}});
  } else if (structure == "AL-MM") {
    const auto heads = p.at("remove_heads").get<int64_t>();
    how.allocator = make<Allocator>("flap", {{"modules", "apart"}, {"remove_heads", heads}});
  } else if (structure == "UL-MM") {
    const auto heads = p.at("remove_heads").get<int64_t>();
    how.allocator = make<Allocator>(
        "flap", {{"modules", "apart"}, {"layers", "uniform"}, {"remove_heads", heads}});
    how.pattern.reference_ties = false;
  } else if (structure == "UL-UM") {
    how.allocator = make<Allocator>("uniform");
  } else {
    throw Missing("structure " + structure + " is not built");
  }
  how.updates.emplace_back(make<Update>("bias", {{"mean", Value("float16")}}));
  how.propagation = Propagation::Dense;
  return how;
}

Method method_of(const Json& record) {
  const auto name = record.at("method").get<std::string>();
  Method how;
  if (name == "flap") {
    how = flap(record);
  } else {
    how.criterion = make<Criterion>(name);
    how.allocator = make<Allocator>("uniform");
    how.pattern.reference_ties = true;
  }
  how.pattern.kind = Pattern::Structured;
  how.pattern.groups = {"head", "neuron"};
  return how;
}

/// Rows of the recorded [blocks, units] tensors: `attn_head.keep`, `mlp_neuron.keep`.
std::string recorded_kind(const Group& g) {
  return g.kind == "head" ? "attn_head" : "mlp_neuron";
}

void compare_units(const std::vector<Removed>& removed, const TensorMap& data, bool unstr) {
  for (const auto& r : removed) {
    const auto kind = recorded_kind(r.group);
    // Where only masks were set the authors' tensors stay whole: what counts are the figures.
    if (unstr) continue;
    const auto theirs = data.at(kind + ".keep")[r.group.block].to(at::kBool);
    if (!r.keep.equal(theirs)) bench::fail("{}: other units are kept", r.group.name);
  }
}

double compare_biases(Model& model, const TensorMap& data) {
  double worst = 0;
  for (const Layer* l : model.layers()) {
    const auto it = data.find(l->name + ".bias");
    if (it == data.end()) continue;
    const auto ours = l->bias.defined() ? l->bias : at::zeros_like(it->second);
    const auto scale = std::max(1e-12, it->second.abs().max().item<double>());
    worst = std::max(worst, (ours - it->second).abs().max().item<double>() / scale / 1e-4);
  }
  return worst;
}

/// Scores of the groups on the dense model, against what is recorded of them.
double compare_scores(const Method& how, Model& model, Calibration data, const TensorMap& theirs,
                      const std::string& suffix) {
  if (!theirs.count("attn_head" + suffix) && !theirs.count("std_attn")) return 0;
  const bool sequential = how.propagation != Propagation::Dense;
  data.start(model);
  const auto stats = collect({model, {0, model.block_count()}, data, model.layers()},
                             how.criterion->needs(), Pass::Local);
  double worst = 0;
  for (const auto& g : prunable_groups(model, how.pattern)) {
    if (sequential && g.block > 0) continue;  // later blocks see pruned ones
    const auto name = theirs.count("std_attn") ? (g.kind == "head" ? "std_attn" : "std_mlp")
                                               : recorded_kind(g) + suffix;
    const auto row = theirs.at(name)[g.block].to(at::kDouble);
    const auto ours = how.criterion->units(g, *stats).to(at::kDouble);
    const auto scale = row.abs().mean().item<double>();
    worst = std::max(worst, (ours - row).abs().max().item<double>() / scale / 1e-4);
  }
  return worst;
}

}  // namespace

void verify_flap(Run& run, const fs::path& file, const Json& record) {
  auto& model = *run.model(record.at("model").get<std::string>()).model;
  const auto data = read_safetensors((file.parent_path() / "data.safetensors").string());
  const auto how = method_of(record);
  at::NoGradGuard no_grad;
  auto calibration = recorded_calibration(run, file, record);
  double worst = compare_scores(how, model, calibration, data, ".score");
  if (worst > 1) bench::fail("a score is off by {:.1f} times the tolerance 1e-4", worst);
  const auto& p = record.at("parameters");
  const auto removed = prune(model, how, p.at("pruning_ratio").get<double>(), calibration);
  compare_units(removed, data, p.value("unstr", false));
  worst = std::max(worst, compare_biases(model, data));
  if (worst > 1) bench::fail("a bias is off by {:.1f} times the tolerance 1e-4", worst);
  const auto eval =
      fmt::format("inputs/{}/eval40.safetensors", record.at("model").get<std::string>());
  const auto& result = record.at("result");
  const auto theirs = result.at("ppl_eval40").get<double>();
  expect_relative("perplexity of the masked model", eval40(run, file, eval, model), theirs, 1e-4);
  for (const auto& r : removed) shrink(r.group, r.keep);
  expect_relative("perplexity of the shrunk model", eval40(run, file, eval, model), theirs, 1e-4);
  if (!p.value("unstr", false)) {
    int64_t parameters = 0;
    for (const auto& t : model.tensors())
      if (t.parameter && t.tensor->defined() && !t.name.ends_with(".bias"))
        parameters += t.tensor->numel();
    if (parameters != result.at("params_after_no_bias").get<int64_t>())
      bench::fail("{} parameters without biases where {} are recorded", parameters,
                  result.at("params_after_no_bias").dump());
  }
  run.pass(record.at("method").get<std::string>(), worst);
}

}  // namespace bench::verify
