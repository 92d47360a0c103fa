// Quantised models of the authors' own code: levels entry for entry, scales, masks, perplexity.
#include "parity/recipes.h"
#include "parity/recorded.h"

namespace bench::verify {
namespace {

/// quant.py's arguments under their names here.
Value::Map levels_of(const Json& p) {
  const auto bits = p.contains("wbits") ? p.at("wbits") : p.at("bits");
  const char* group = p.contains("groupsize") ? "groupsize" : "group_size";
  return {{"bits", Value(bits.get<int64_t>())},
          {"symmetric", Value(p.value("sym", false))},
          {"group", Value(std::max<int64_t>(p.value(group, int64_t{-1}), 0))},
          {"search", Value(p.value("mse", false))},
          {"per", Value(std::string(p.value("perchannel", true) ? "row" : "matrix"))}};
}

Value::Map with(Value::Map settings, Value::Map more) {
  settings.insert(settings.end(), more.begin(), more.end());
  return settings;
}

Value::Map sweep_of(const Json& p) {
  return {{"damping", number(p, "percdamp", 0.01)}, {"slab", whole(p, "blocksize", 128)}};
}

/// The weights of a criterion are chosen and quantised at once, or all of them are quantised.
struct Plan {
  Recipe recipe;
  double target = 0;
  bool chooses = false;
};

Plan plan_of(const Json& record) {
  const auto method = record.at("method").get<std::string>();
  const auto p = parameters(record);
  Plan plan{{{"magnitude"}}};
  auto& updates = plan.recipe.updates;
  if (method == "rtn") {
    updates = {{"rtn", levels_of(p)}};
  } else if (method.starts_with("slim_")) {
    const bool largest = method == "slim_absmax";
    updates = {{"slim",
                {{"bits", whole(p, "num_bits", 4)},
                 {"quantize_first", Value(p.value("quantize_first", true))},
                 {"cap", Value(std::string(largest ? "largest" : "integral"))}}}};
  } else if (method == "sparsegpt_quant") {
    plan.recipe.criterion = {"sparsegpt", {{"damping", number(p, "percdamp", 0.01)}}};
    updates = {{"gptq", with(levels_of(p), with(sweep_of(p), {{"reselect", Value(true)}}))}};
    plan.target = p.value("sparsity", 0.0);
    plan.chooses = true;
  } else {
    updates = {{"gptq", with(levels_of(p),
                             with(sweep_of(p),
                                  {{"act_order", Value(p.value("act_order", false))},
                                   {"static_groups", Value(p.value("static_groups", false))}}))}};
  }
  return plan;
}

Method method_of(const Plan& plan, const Json& record) {
  const auto p = parameters(record);
  Method how;
  const auto& c = plan.recipe.criterion;
  how.criterion = named<Criterion>("criterion", c.name, Value(c.settings));
  how.allocator = named<Allocator>("allocator", "uniform");
  for (const auto& u : plan.recipe.updates)
    how.updates.push_back(named<Update>("update", u.name, Value(u.settings)));
  if (plan.chooses && p.value("prunem", 0) > 0) {
    how.pattern.kind = Pattern::NM;
    how.pattern.of = p.at("prunem");
    how.pattern.keep = how.pattern.of - p.at("prunen").get<int64_t>();
    how.pattern.tail_removed = true;
  }
  how.pattern.reference_ties = plan.chooses;
  if (p.value("true_sequential", false)) how.propagation = Propagation::PerLinear;
  return how;
}

/// A mask that the record names: "masks/wanda/MODEL/CASE".
void take_mask(Run& run, const fs::path& file, const std::string& from, Model& model) {
  const auto where = run.input(file, from + "/data.safetensors");
  if (!fs::exists(where)) throw Missing("the mask " + from + " is not here");
  const auto data = read_safetensors(where.string());
  for (Layer* l : model.layers()) {
    const auto it = data.find(l->weight_name() + ".mask");
    if (it == data.end()) throw Missing("the record " + from + " stores no masks");
    l->mask = unpack_mask(it->second, l->matrix().sizes());  // weights stay, for their scales
  }
}

struct Off {
  int64_t masks = 0, levels = 0, all = 0;
  double scales = 0;
  std::string first;
};

void compare_layer(const Layer& l, const TensorMap& data, Off& off) {
  const auto name = l.weight_name();
  const auto* f = l.quantised();
  if (!f) bench::fail("{}: is not quantised", name);
  if (const auto it = data.find(name + ".mask"); it != data.end())
    off.masks += l.mask.ne(unpack_mask(it->second, l.matrix().sizes())).sum().item<int64_t>();
  const bool one = data.count(name + ".codes_signed") > 0;
  const auto theirs = one ? data.at(name + ".codes_signed").to(at::kInt) + (1 << (f->bits - 1))
                          : data.at(name + ".codes").to(at::kInt);
  const auto different = l.levels().ne(theirs.reshape(l.matrix().sizes())).sum().item<int64_t>();
  off.levels += different, off.all += theirs.numel();
  if (different && off.first.empty()) off.first = fmt::format("{} in {}", different, name);
  const auto scale = one ? 1 / data.at(name + ".scaling_factor") : data.at(name + ".scale");
  const auto ours = f->scale.flatten(), given = scale.flatten();
  if (ours.numel() != given.numel())
    bench::fail("{}: {} scales where {} are recorded", name, ours.numel(), given.numel());
  off.scales = std::max(off.scales, (ours / given - 1).abs().max().item<double>());
  if (const auto it = data.find(name + ".zero"); it != data.end())
    if (!f->zero.flatten().equal(it->second.flatten().to(at::kFloat)))
      bench::fail("{}: another zero than recorded", name);
}

}  // namespace

void verify_quantised(Run& run, const fs::path& file, const Json& record) {
  const auto name = record.at("model").get<std::string>();
  const auto data = read_safetensors((file.parent_path() / "data.safetensors").string());
  auto& model = *run.model(name).model;
  at::NoGradGuard no_grad;
  const auto plan = plan_of(record);
  const auto how = method_of(plan, record);
  Calibration calibration;
  if (record.contains("calibration") && !record.at("calibration").is_null())
    calibration = recorded_calibration(run, file, record);
  const auto p = parameters(record);
  if (p.contains("mask") && p.at("mask").is_string())
    take_mask(run, file, p.at("mask").get<std::string>(), model);
  prune(model, how, plan.target, calibration);
  Off off;
  for (const Layer* l : model.layers()) compare_layer(*l, data, off);
  if (off.masks) bench::fail("{} mask bits differ", off.masks);
  // Behind a float32 Cholesky factor a weight may lie within rounding of the middle of two levels;
  // from there on the other columns of its row move.
  if (off.levels > off.all / 200)
    bench::fail("{} of {} levels differ; first {}", off.levels, off.all, off.first);
  const bool moved = off.levels > 0;
  if (moved)
    run.note(file, fmt::format("{} of {} levels differ; first {}", off.levels, off.all, off.first));
  // Groups that begin behind a weight that moved have other scales with it.
  if (!(off.scales <= (moved ? 1e-2 : 1e-6))) bench::fail("a scale is off by {:.2e}", off.scales);
  const auto theirs = record.at("result").at("ppl_eval40").get<double>();
  expect_relative("perplexity",
                  eval40(run, file, fmt::format("inputs/{}/eval40.safetensors", name), model),
                  theirs, moved ? 1e-3 : 1e-4);
  run.pass(moved ? "quantised (rounding at a middle)" : "quantised");
}

namespace {
const ReplayedAs kQuantised({"rtn", "gptq", "gptq_fixed_mask", "sparsegpt_quant", "slim_*"},
                            "quantised", verify_quantised);
}  // namespace
}  // namespace bench::verify
