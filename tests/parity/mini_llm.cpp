// MINI-LLM and its controls against the independent implementation of the same specification, in
// two steps: the losses and p of the zeroth-order passes, then scores and masks with the recorded p
// put in.
#include "measure/passes.h"
#include "measure/zeroth_order.h"
#include "parity/recorded.h"
#include "walk/sparsity.h"

namespace bench::verify {
namespace {

const std::map<std::string, std::string> kGrads{{"zo", "mini_llm"},
                                                {"one", "wanda_structured"},
                                                {"random", "fms_random"},
                                                {"backprop", "fms_backprop"}};

std::unique_ptr<Criterion> criterion_of(const Json& record) {
  const auto& p = record.at("parameters");
  const auto function = record.at("function").get<std::string>();
  Value s{Value::Map{}};
  const auto copy = [&](const char* from, const char* to) {
    if (!p.contains(from)) return;
    const auto& v = p.at(from);
    if (v.is_string())
      s.set(to, v.get<std::string>());
    else if (v.is_number_integer())
      s.set(to, Value(v.get<int64_t>()));
    else
      s.set(to, v.get<double>());
  };
  if (function.rfind("random", 0) == 0) {
    copy("base_seed", "seed");
    return Registry<Criterion>::instance().create("random", s);
  }
  copy("elementwise", "elementwise");
  copy("members", "members");
  auto name = function.rfind("element1", 0) == 0 ? std::string("taylor")
                                                 : kGrads.at(p.at("grad").get<std::string>());
  const bool taylor =
      name == "taylor" || (name == "fms_backprop" && p.value("act_stat", "") == "none");
  if (taylor)
    name = "taylor";
  else
    copy("act_stat", "act_stat");
  if (name == "mini_llm" || name == "fms_random") {
    copy("n", "n");
    copy("z", "z");
    copy("z_rule", "z_rule");
    copy("base_seed", "base_seed");
  }
  if (name == "mini_llm") copy("eps", "eps");
  return Registry<Criterion>::instance().create(name, s);
}

Pattern pattern_of(const Json& record, const Model& model) {
  const auto blocks = record.at("parameters").at("pruned_blocks").get<std::vector<int64_t>>();
  Pattern p;
  p.kind = Pattern::Structured;
  p.groups = {"head", "neuron"};
  p.exempt_first = blocks.front();
  p.exempt_last = model.block_count() - 1 - blocks.back();
  return p;
}

std::vector<Difference> recorded_differences(const TensorMap& data, uint64_t base_seed) {
  const auto p = data.at("zo.p.f64"), plus = data.at("zo.L1.f64"), minus = data.at("zo.L2.f64");
  std::vector<Difference> all;
  for (int64_t i = 0; i < p.numel(); ++i)
    all.push_back({base_seed + static_cast<uint64_t>(i), plus[i].item<double>(),
                   minus[i].item<double>(), p[i].item<double>()});
  return all;
}

/// Checks our p, then puts the recorded ones in.
double check_differences(Stats& stats, const Needs& needs, const std::vector<Layer*>& layers,
                         const TensorMap& data, double eps) {
  double worst = 0;
  for (const auto& kind : needs) {
    if (kind.key.rfind(ZerothOrder::kName, 0) != 0) continue;
    bool first = true;
    for (const Layer* l : layers) {
      auto& s =
          const_cast<ZerothOrder&>(static_cast<const ZerothOrder&>(*stats.find(l->name, kind.key)));
      const auto theirs = recorded_differences(data, s.seed);
      if (first)
        for (size_t i = 0; i < theirs.size(); ++i) {
          worst = std::max(worst, std::abs(s.differences[i].plus - theirs[i].plus) / 1e-5);
          worst = std::max(worst, std::abs(s.differences[i].p - theirs[i].p) / (1e-6 / eps));
        }
      first = false;
      s.differences = theirs;
    }
  }
  return worst;
}

double score_tolerance(const Json& p) {
  const bool backprop_or_plain = !p.contains("grad") || p.at("grad") != "zo";
  if (backprop_or_plain) return 1e-4;
  return p.value("z_rule", "") == "divide" || p.value("elementwise", "") != "abs" ? 1e-4 : 1e-5;
}

void verify_activations(Run& run, const fs::path& file, const Json& record) {
  auto& loaded = run.model(record.at("model").get<std::string>());
  const auto data = read_safetensors((file.parent_path() / "data.safetensors").string());
  auto calibration = recorded_calibration(run, file, record);
  at::NoGradGuard no_grad;
  calibration.start(*loaded.model);
  const auto fms = Registry<Criterion>::instance().create("wanda_structured");
  const auto layers = loaded.model->layers();
  const auto stats = collect({*loaded.model, {0, loaded.model->block_count()}, calibration, layers},
                             fms->needs(), Pass::Local);
  double worst = 0;
  int seen = 0;
  for (const char* stat : {"l2_norm", "mean_abs", "mean_signed"}) {
    Value settings{Value::Map{{"act_stat", stat}}};
    const auto c = Registry<Criterion>::instance().create("wanda_structured", settings);
    for (Layer* l : layers) {
      const auto it = data.find(l->weight_name() + "." + stat);
      if (it == data.end()) continue;
      ++seen;
      // A weight of ones turns the score into |a_j| itself.
      const auto a = c->score(View(*l, at::ones({1, l->columns()}), 0, l->columns()), *stats)[0];
      const auto scale = it->second.abs().mean().item<double>();
      worst = std::max(worst, (a - it->second.abs()).abs().max().item<double>() / scale / 1e-4);
    }
  }
  if (seen == 0) bench::fail("none of its tensors belongs to a layer of this model");
  if (worst > 1) bench::fail("an activation is off by {:.1f} times the tolerance", worst);
  run.pass("mini_llm activations", worst);
}

}  // namespace

void verify_mini_llm(Run& run, const fs::path& file, const Json& record) {
  if (record.at("function") == "activations") return verify_activations(run, file, record);
  const auto name = record.at("model").get<std::string>();
  auto& loaded = run.model(name);
  Model& model = *loaded.model;
  const auto data = read_safetensors((file.parent_path() / "data.safetensors").string());
  const auto& parameters = record.at("parameters");
  const auto criterion = criterion_of(record);
  const auto pattern = pattern_of(record, model);
  auto calibration = recorded_calibration(run, file, record);
  at::NoGradGuard no_grad;
  calibration.start(model);
  const Scope whole{0, model.block_count()};
  const auto layers = prunable(model, pattern);
  const auto needs = criterion->needs();
  const auto global = collect({model, whole, calibration, layers}, needs, Pass::Global);
  const auto eps = parameters.value("eps", 1e-3);
  const double p_off = check_differences(*global, needs, layers, data, eps);
  if (p_off > 1) bench::fail("losses or p are off by {:.1f} times the tolerance", p_off);
  const auto stats = collect({model, whole, calibration, layers}, needs, Pass::Local, global);

  const double tolerance = score_tolerance(parameters);
  double worst = 0;
  std::vector<Removed> removed;
  for (auto& g : prunable_groups(model, pattern)) {
    const auto ours = criterion->units(g, *stats).to(at::kDouble);
    const auto theirs = data.at(g.name + ".score").to(at::kDouble);
    const auto mean = theirs.abs().mean().item<double>();
    worst = std::max(worst, (ours - theirs).abs().max().item<double>() / mean / tolerance);
    const auto count = removed_units(g.units, g.unit_width, parameters.at("ratio").get<double>());
    const auto keep = select_units(ours.to(at::kFloat), count);
    if (!keep.equal(data.at(g.name + ".keep").to(at::kBool)))
      bench::fail("{}: other units are kept", g.name);
    removed.push_back({std::move(g), keep});
  }
  if (worst > 1)
    bench::fail("a unit score is off by {:.1f} times the tolerance {}", worst, tolerance);
  for (const auto& r : removed) {
    const auto masks = r.group.layer_masks(r.keep);
    for (size_t i = 0; i < masks.size(); ++i) r.group.slices[i].layer->set_mask(masks[i]);
  }
  const auto& result = record.at("result");
  expect_relative("perplexity of the masked model",
                  eval40(run, file, result.at("eval").get<std::string>(), model),
                  result.at("ppl_eval40").get<double>(), 1e-4);
  for (const auto& r : removed) shrink(r.group, r.keep);
  const auto parameters_now = measure_sparsity(model).parameters;
  if (parameters_now != result.at("params_after").get<int64_t>())
    bench::fail("{} parameters after shrinking where {} are recorded", parameters_now,
                result.at("params_after").dump());
  expect_relative("perplexity of the shrunk model",
                  eval40(run, file, result.at("eval").get<std::string>(), model),
                  result.at("ppl_eval40").get<double>(), 1e-4);
  run.pass("mini_llm", std::max(worst, p_off));
}

}  // namespace bench::verify
