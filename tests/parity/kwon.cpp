// Masks of heads and neurons of an encoder: gradients, search, rearrangement, scales and logits of
// the authors' code.
#include "measure/passes.h"
#include "measure/unit_masks.h"
#include "parity/recorded.h"
#include "walk/pruner.h"

namespace bench::verify {
namespace {

/// Sequences of padded rows, with their labels.
Calibration padded(const TensorMap& inputs) {
  const auto &ids = inputs.at("input_ids"), &there = inputs.at("attention_mask");
  std::vector<Sequence> all;
  for (int64_t i = 0; i < ids.size(0); ++i) {
    const auto n = there[i].sum().item<int64_t>();
    const auto row = ids[i].slice(0, 0, n).contiguous();
    all.emplace_back(row.const_data_ptr<int64_t>(), row.const_data_ptr<int64_t>() + n);
  }
  Calibration c;
  c.batches = {text_batch(all)};
  c.batches.front().labels = inputs.at("labels");
  return c;
}

Method method_of(const Json& p) {
  Value::Map how{{"batch", Value(p.at("batch_size").get<int64_t>())},
                 {"length", Value(p.at("seq_len_for_macs").get<int64_t>())}};
  Method m;
  m.pattern.kind = Pattern::Structured;
  m.pattern.groups = {"head", "neuron"};
  m.propagation = Propagation::Dense;
  m.criterion = named<Criterion>("criterion", "kwon", Value(how));
  m.allocator = named<Allocator>("allocator", "kwon", Value(how));
  m.updates.push_back(named<Update>("update", "kwon_rescale", Value(how)));
  return m;
}

/// Of all groups of a kind, one row a block.
Tensor rows(const std::vector<Group>& groups, const Stats& stats, const StatisticKind& kind,
            Tensor UnitMasks::*what) {
  std::vector<Tensor> all;
  for (const auto& g : groups)
    all.push_back(stats.get<UnitMasks>(*g.slices.front().layer, kind).*what);
  return at::stack(all, all.front().dim() == 2 ? 1 : 0);
}

double near(const std::string& name, const Tensor& ours, const Tensor& theirs, double tolerance) {
  const double off =
      ((ours.to(at::kDouble) - theirs.to(at::kDouble)).abs().max() / theirs.abs().max())
          .item<double>();
  if (!(off <= tolerance)) bench::fail("{} is off by {:.2e} of the largest", name, off);
  return off / tolerance;
}

}  // namespace

void verify_kwon(Run& run, const fs::path& file, const Json& record) {
  const auto& p = record.at("parameters");
  auto& model = *run.model(record.at("model").get<std::string>()).model;
  const Restored restored(model);
  auto data = padded(read_safetensors(
      run.input(file, record.at("calibration").at("file").get<std::string>()).string()));
  const auto theirs = read_safetensors((file.parent_path() / "data.safetensors").string());
  at::NoGradGuard no_grad;
  double worst =
      near("logits_dense", model.forward(data.batches.front()), theirs.at("logits_dense"), 1e-4);
  const double target = 1 - p.at("constraint").get<double>();
  const auto how = method_of(p);
  const auto kind = how.updates.front()->needs().front();
  const auto heads = model.groups("head"), neurons = model.groups("neuron");
  Probe probe{model, {0, model.block_count()}, data, model.layers(), {}, &how.pattern, target};
  for (const auto* groups : {&heads, &neurons})
    for (const auto& g : *groups) probe.groups.push_back(&g);
  const auto stats = collect(probe, {kind}, Pass::Global);
  for (const auto& [name, groups] : {std::pair{"head", &heads}, std::pair{"neuron", &neurons}}) {
    const std::string n = name;
    const auto of = [&](Tensor UnitMasks::*what) { return rows(*groups, *stats, kind, what); };
    worst = std::max(worst,
                     near(n + "_grads", of(&UnitMasks::gradients), theirs.at(n + "_grads"), 1e-4));
    worst = std::max(worst,
                     near(n + "_fisher", of(&UnitMasks::fisher), theirs.at(n + "_fisher"), 1e-4));
    for (const auto& [ours, what] :
         {std::pair{&UnitMasks::searched, "search_"}, std::pair{&UnitMasks::teacher, "teacher_"},
          std::pair{&UnitMasks::kept, "rearranged_"}})
      if (!of(ours).equal(theirs.at(what + n + "_mask").to(at::kBool)))
        bench::fail("{}{}_mask differs", what, n);
    worst = std::max(worst, near("rescaled_" + n + "_mask", of(&UnitMasks::scale),
                                 theirs.at("rescaled_" + n + "_mask"), 1e-3));
  }
  prune(model, how, target, data);
  worst = std::max(worst, near("logits_rescaled", model.forward(data.batches.front()),
                               theirs.at("logits_rescaled"), 1e-3));
  run.pass("kwon", worst);
}

}  // namespace bench::verify
