// Isomorphic pruning of networks of images: scores, the units that go, logits of what is left.
#include <cmath>

#include "data/images.h"
#include "measure/passes.h"
#include "parity/recorded.h"
#include "parity/vision.h"
#include "walk/pruner.h"

namespace bench::verify {
namespace {

Method method_of(const Json& p) {
  Method m;
  m.pattern.kind = Pattern::Structured;
  m.pattern.groups = {"channel", "neuron"};
  m.propagation = Propagation::Dense;
  const bool taylor = p.at("importance") == "taylor";
  m.criterion = named<Criterion>("criterion", taylor ? "group_taylor" : "group_norm");
  Value how{Value::Map{}};
  how.set("classes", Value(p.at("isomorphic").get<bool>()));
  if (p.at("round_to").is_number()) how.set("round_to", Value(p.at("round_to").get<int64_t>()));
  m.allocator = named<Allocator>("allocator", "isomorphic", how);
  return m;
}

/// Whether a module writes a group's units.
bool writes(const Group& g, const std::string& module) {
  for (const auto& s : g.slices)
    if (s.dim == Slice::Out && short_module(s.layer->name) == module) return true;
  for (const auto& f : g.followers)
    if (f.name == module + ".weight" && f.dim == 0) return true;
  return false;
}

const Group& group_written_by(const std::vector<Group>& groups, const std::string& module) {
  for (const auto& g : groups)
    if (writes(g, module)) return g;
  throw Missing("no group is written by " + module);
}

void compare_scores(const Method& how, const std::vector<Group>& groups, const Stats& stats,
                    const TensorMap& theirs, double& worst) {
  for (const auto& [name, score] : theirs) {
    if (!name.starts_with("score.")) continue;
    const auto& g = group_written_by(groups, name.substr(6));
    const double off = relative(how.criterion->units(g, stats), score);
    if (!(off <= 1e-4)) bench::fail("{}: off by {:.2e} of the largest", name, off);
    worst = std::max(worst, off / 1e-4);
  }
}

/// The record does not say how its images were normalised, before a model that does so itself: as
/// one of these, the one under which the dense model gives their logits.
Tensor normalised_as(int64_t which, const Tensor& images) {
  const auto of = [&](std::vector<double> v) {
    return at::tensor(v, images.options()).reshape({1, 3, 1, 1});
  };
  const auto imagenet = [&](const Tensor& x) {
    return (x * of({0.229, 0.224, 0.225}) + of({0.485, 0.456, 0.406})) * 255;
  };
  if (which == 0) return images;
  if (which == 1)
    return imagenet((images - of({125.307, 122.961, 113.8575})) / of({51.5865, 50.847, 51.255}));
  if (which == 2) return imagenet(images / 255);
  if (which == 3) return imagenet(images / 127.5 - 1);
  return imagenet(images);
}

/// Its deviation, as a share of 1e-4.
double normalise(const Model& model, const TensorMap& theirs, Batch& images) {
  const auto raw = images.images;
  double best = INFINITY;
  for (int64_t which = 0; which < 5; ++which) {
    Batch first = images;
    first.images = normalised_as(which, raw).narrow(0, 0, 4);
    first.labels = images.labels.narrow(0, 0, 4);
    const double off = relative(model.forward(first), theirs.at("dense_logits")) / 1e-4;
    if (!(off < best)) continue;
    best = off;
    images.images = normalised_as(which, raw);
  }
  if (!(best <= 1)) bench::fail("dense logits are off by {:.2e}", best * 1e-4);
  return best;
}

}  // namespace

void verify_isomorphic(Run& run, const fs::path& file, const Json& record) {
  const auto& p = record.at("parameters");
  for (const auto& g : record.at("result").at("pruned_groups_in_order"))
    if (g.at("op") != "prune_out_channels")
      throw Missing("dimensions inside heads are no units here: " +
                    g.at("root").get<std::string>());
  auto& model = *run.model(record.at("model").get<std::string>()).model;
  const Restored restored(model);
  const auto how = method_of(p);
  const auto& c = record.at("calibration");
  Calibration data;
  data.batches = {read_cifar(run.data(c.at("file").get<std::string>()).string(),
                             c.at("records")[0].get<int64_t>(), c.at("records")[1].get<int64_t>())};
  data.hash = "recorded";
  const auto theirs = read_safetensors((file.parent_path() / "data.safetensors").string());
  double worst = normalise(model, theirs, data.batches.front());
  Batch first = data.batches.front();
  first.images = first.images.narrow(0, 0, 4), first.labels = first.labels.narrow(0, 0, 4);
  const auto groups = prunable_groups(model, how.pattern);
  Probe probe{model, {0, model.block_count()}, data, model.layers(), {}, &how.pattern};
  for (const auto& g : groups) probe.groups.push_back(&g);
  compare_scores(how, groups, *collect(probe, how.criterion->needs(), Pass::Global), theirs, worst);
  const auto removed = prune(model, how, p.at("pruning_ratio").get<double>(), data);
  std::map<std::string, Tensor> kept;
  for (const auto& r : removed) kept[r.group.name] = r.keep;
  for (const auto& g : record.at("result").at("pruned_groups_in_order")) {
    const auto& ours = group_written_by(groups, g.at("root").get<std::string>());
    const auto gone = at::tensor(g.at("indices").get<std::vector<int64_t>>(), at::kLong);
    const auto keep = at::ones({ours.units}, at::kBool).index_fill(0, gone, false);
    if (!kept.at(ours.name).cpu().equal(keep)) bench::fail("{}: other units go", ours.name);
  }
  const double off = relative(model.forward(first), theirs.at("pruned_logits"));
  if (!(off <= 1e-3)) bench::fail("pruned logits are off by {:.2e} of the largest", off);
  run.pass("isomorphic", std::max(worst, off / 1e-3));
}

}  // namespace bench::verify
