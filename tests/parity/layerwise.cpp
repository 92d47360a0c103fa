// Layer-wise sparsities: the counts and masks of the LAMP repository, RigL's ERK and ER densities.
#include "parity/recorded.h"
#include "parity/vision.h"

namespace bench::verify {
namespace {

Method method_of(const std::string& allocator) {
  const std::map<std::string, std::string> names{{"unif", "uniform"},
                                                 {"unifplus", "uniform_plus"},
                                                 {"glob", "global"},
                                                 {"erk", "erk"},
                                                 {"lamp", "lamp"}};
  const auto it = names.find(allocator);
  if (it == names.end()) throw Missing("the allocation " + allocator + " is not known");
  Value s{Value::Map{}};
  if (it->second != "lamp" && it->second != "uniform_plus") s.set("counts", "round");
  Method how;
  how.criterion = Registry<Criterion>::instance().create("magnitude");
  how.allocator = Registry<Allocator>::instance().create(it->second, s);
  return how;
}

void check_lamp_scores(Model& model, const TensorMap& theirs) {
  const auto criterion = Registry<Criterion>::instance().create("lamp");
  const Stats none;
  for (const Layer* l : model.layers()) {
    const auto it = theirs.find(short_module(l->weight_name()) + ".lamp_score");
    if (it == theirs.end()) continue;
    const auto ours = criterion->score(View(*l), none);
    // Theirs are float32 cumulative sums over up to 36,864 weights of a layer.
    const double off = relative(ours, it->second.flatten(1));
    if (!(off <= 1e-3)) bench::fail("{}: LAMP scores off by {:.2e} of the largest", l->name, off);
  }
}

}  // namespace

void verify_layerwise(Run& run, const fs::path& file, const Json& record) {
  const auto method = record.at("method").get<std::string>();
  const auto model = vision_model(run, record);
  const auto theirs = read_safetensors((file.parent_path() / "data.safetensors").string());
  at::NoGradGuard no_grad;
  check_lamp_scores(*model, theirs);
  Calibration none;
  prune(*model, method_of(method.substr(method.find('_') + 1)),
        record.at("parameters").at("amount_removed").get<double>(), none);
  int64_t bits = 0, counts = 0;
  std::string first;
  for (const Layer* l : model->layers()) {
    const auto name = short_module(l->weight_name());
    const auto mask = unpack_mask(theirs.at(name + ".mask"), l->mask.sizes());
    const auto here = (mask != l->mask).sum().item<int64_t>();
    if (here && first.empty()) first = name;
    bits += here;
    counts += std::abs((mask.sum() - l->mask.sum()).item<int64_t>());
  }
  if (bits) bench::fail("{} mask bits differ ({} by count), first in {}", bits, counts, first);
  run.pass(method);
}

void verify_erk(Run& run, const fs::path&, const Json& record) {
  const auto model = vision_model(run, record);
  std::vector<Part> parts;
  for (const Layer* l : model->layers())
    parts.emplace_back(), parts.back().name = short_module(l->name),
                          parts.back().shape = l->weight.sizes().vec(),
                          parts.back().size = l->weight.numel();
  double worst = 0;
  for (const auto& [name, theirs] : record.at("result").at("sparsity_per_layer").items()) {
    Value s{Value::Map{}};  // "s0.5_erk", "s0.98_er"
    s.set("counts", "rigl");
    s.set("kernel", Value(name.ends_with("_erk")));
    s.set("power", record.at("parameters").value("erk_power_scale", 1.0));
    const auto erk = Registry<Allocator>::instance().create("erk", s);
    const auto ours = erk->shares({parts, HeldScores({}), Stats(), std::stod(name.substr(1))});
    for (size_t i = 0; i < parts.size(); ++i) {
      const double off = std::abs(ours[i].ratio - theirs.at(parts[i].name).get<double>());
      if (!(off <= 1e-6)) bench::fail("{}: {} is off by {:.2e}", name, parts[i].name, off);
      worst = std::max(worst, off);
    }
  }
  run.pass("erk densities", worst / 1e-6);
}

}  // namespace bench::verify
