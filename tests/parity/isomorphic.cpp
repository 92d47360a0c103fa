// Isomorphic pruning of networks of images: scores, the units that go, logits of what is left.
#include <cmath>

#include "data/images.h"
#include "measure/passes.h"
#include "parity/recorded.h"
#include "parity/vision.h"
#include "walk/pruner.h"

namespace bench::verify {
namespace {

/// The kinds of units that a record's pruner had, as this model has them.
std::vector<std::string> kinds_of(Model& model, const Json& p) {
  if (!model.groups("channel").empty()) return {"channel", "neuron"};
  std::vector<std::string> all{"hidden", "neuron"};
  if (p.value("prune_num_heads", false) && p.value("head_pruning_ratio", 0.0) > 0)
    all.emplace_back("head");
  if (p.value("prune_head_dims", true)) all.emplace_back("head_dim");
  return all;
}

Method method_of(Model& model, const Json& p) {
  Method m;
  m.pattern.kind = Pattern::Structured;
  m.pattern.groups = kinds_of(model, p);
  m.propagation = Propagation::Dense;
  const auto importance = p.at("importance").get<std::string>();
  if (importance == "taylor")
    m.criterion = named<Criterion>("criterion", "group_taylor");
  else if (importance == "l1" || importance == "l2")
    m.criterion = named<Criterion>(
        "criterion", "group_norm",
        Value(Value::Map{{"p", Value(static_cast<int64_t>(importance == "l1" ? 1 : 2))}}));
  else
    throw Missing("importance " + importance);
  Value how{Value::Map{}};
  how.set("classes", Value(p.at("isomorphic").get<bool>()));
  how.set("heads", Value(p.value("head_pruning_ratio", 0.0)));
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

/// Of attention the root is what reads the heads; their channels are one group there.
const Slice* heads_read_by(const Group& g, const std::string& module) {
  if (g.kind != "head" && g.kind != "head_dim") return nullptr;
  for (const auto& s : g.slices)
    if (s.dim == Slice::In && short_module(s.layer->name) == module) return &s;
  return nullptr;
}

/// Their score of every channel -> of the units of one of our groups: means of a head, or over all
/// heads. Undefined where the group has nothing to do with it.
Tensor score_of(const Group& g, const std::string& root, const Tensor& theirs) {
  const auto* s = heads_read_by(g, root);
  if (!s) return {};
  return g.kind == "head" ? theirs.reshape({g.units, -1}).mean(1)
                          : theirs.reshape({s->stretches, g.units}).mean(0);
}

void compare_scores(const Method& how, const std::vector<Group>& groups, const Stats& stats,
                    const TensorMap& theirs, double& worst) {
  const auto compare = [&](const Group& g, const std::string& name, const Tensor& score) {
    const double off = relative(how.criterion->units(g, stats), score);
    if (!(off <= 1e-4)) bench::fail("{}: off by {:.2e} of the largest", name, off);
    worst = std::max(worst, off / 1e-4);
  };
  for (const auto& [name, score] : theirs) {
    if (!name.starts_with("score.")) continue;
    bool attention = false;
    for (const auto& g : groups)
      if (const auto mine = score_of(g, name.substr(6), score); mine.defined()) {
        compare(g, name + " of " + g.kind, mine);
        attention = true;
      }
    if (!attention) compare(group_written_by(groups, name.substr(6)), name, score);
  }
}

/// The record does not say how its images were normalised, before a model that does so itself, by
/// ImageNet's figures or by halves: as one of these, the one under which the dense model gives their
/// logits.
constexpr int64_t kWays = 9;
Tensor normalised_as(int64_t which, const Tensor& images) {
  const auto of = [&](std::vector<double> v) {
    return at::tensor(v, images.options()).reshape({1, 3, 1, 1});
  };
  if (which == 0) return images;
  // What the model will undo.
  const auto undone = [&](const Tensor& x) {
    return which % 2 == 1 ? (x * of({0.229, 0.224, 0.225}) + of({0.485, 0.456, 0.406})) * 255
                          : (x * 0.5 + 0.5) * 255;
  };
  const auto way = (which - 1) / 2;
  if (way == 0)
    return undone((images - of({125.307, 122.961, 113.8575})) / of({51.5865, 50.847, 51.255}));
  if (way == 1) return undone(images / 255);
  if (way == 2) return undone(images / 127.5 - 1);
  return undone(images);
}

/// Its deviation, as a share of 1e-4.
double normalise(const Model& model, const TensorMap& theirs, Batch& images) {
  const auto raw = images.images;
  double best = INFINITY;
  for (int64_t which = 0; which < kWays; ++which) {
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

/// timm's attention divides its products by the root of the width that heads have now, ours by that
/// of the dense model's, so that a masked model is the shrunk one: queries grow by the ratio.
void scale_as_shrunk(const std::vector<Removed>& removed) {
  for (const auto& r : removed) {
    if (r.group.kind != "head_dim") continue;
    const auto& s = r.group.slices.front();  // fused: all queries, all keys, all values
    const auto left = r.keep.sum().item<double>();
    if (s.stretches % 3 != 0 || left == 0) continue;
    auto& l = *s.layer;
    const auto queries = l.rows() / 3;
    auto by = at::ones({l.rows()}, l.weight.options());
    by.narrow(0, 0, queries).fill_(std::sqrt(static_cast<double>(r.group.units) / left));
    l.weight = l.weight * by.unsqueeze(1);
    if (l.bias.defined()) l.bias = l.bias * by;
  }
}

}  // namespace

void verify_isomorphic(Run& run, const fs::path& file, const Json& record) {
  const auto& p = record.at("parameters");
  auto& model = *run.model(record.at("model").get<std::string>()).model;
  const Restored restored(model);
  const auto how = method_of(model, p);
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
    const auto root = g.at("root").get<std::string>();
    const auto gone = at::tensor(g.at("indices").get<std::vector<int64_t>>(), at::kLong);
    const auto check = [&](const Tensor& ours, const std::string& name) {
      const auto keep = at::ones(ours.sizes(), at::kBool).index_fill(0, gone, false);
      if (!ours.cpu().equal(keep)) bench::fail("{}: other units go", name);
    };
    if (g.at("op") == "prune_out_channels") {
      const auto& ours = group_written_by(groups, root);
      check(kept.at(ours.name), ours.name);
      continue;
    }
    for (const Layer* l : model.layers())
      if (short_module(l->name) == root) check(l->mask.any(0), l->name);
  }
  scale_as_shrunk(removed);
  const double off = relative(model.forward(first), theirs.at("pruned_logits"));
  if (!(off <= 1e-3)) bench::fail("pruned logits are off by {:.2e} of the largest", off);
  run.pass("isomorphic", std::max(worst, off / 1e-3));
}

}  // namespace bench::verify
