// Keep-masks, kept weights and perplexities of the authors' own pruning code.
#include <ATen/CPUGeneratorImpl.h>

#include <set>

#include "verify/recorded.h"

namespace bench::verify {
namespace {

struct Recipe {
  const char* criterion;
  bool obs, reselect;
};

/// Methods of this project that a recorded method is, by its name.
const std::map<std::string, Recipe>& recipes() {
  static const std::map<std::string, Recipe> all{{"magnitude", {"magnitude", false, false}},
                                                 {"wanda", {"wanda", false, false}},
                                                 {"wanda_variant", {"wanda_variant", false, false}},
                                                 {"sparsegpt", {"sparsegpt", true, true}},
                                                 {"ablate_mag_seq", {"magnitude", true, false}},
                                                 {"ablate_mag_iter", {"magnitude", true, true}}};
  return all;
}

Method method_of(const Json& record, bool reference_ties) {
  const auto& r = recipes().at(record.at("method").get<std::string>());
  Method how;
  how.criterion = Registry<Criterion>::instance().create(r.criterion);
  how.allocator = Registry<Allocator>::instance().create("uniform");
  if (r.obs) {
    Value settings{Value::Map{{"reselect", r.reselect}}};
    how.update = Registry<Update>::instance().create("obs", settings);
  }
  const auto& pattern = record.at("pattern");
  if (!pattern.at("keep_n").is_null()) {
    how.pattern.kind = Pattern::NM;
    how.pattern.keep = pattern.at("keep_n");
    how.pattern.of = pattern.at("of_m");
  }
  how.pattern.reference_ties = reference_ties;
  return how;
}

std::map<std::string, int64_t> block_of_layer(Model& model) {
  std::map<std::string, int64_t> all;
  for (int64_t b = 0; b < model.block_count(); ++b)
    for (const Layer* l : model.layers(b)) all[l->weight_name()] = b;
  return all;
}

/// Entries of ours that differ from the record, by block; those in its near-tie groups are allowed.
struct Difference {
  int64_t bits = 0, allowed = 0;
  std::map<int64_t, int64_t> by_block;
  std::string first;
};

Difference compare(Model& model, const TensorMap& data, const Json& record) {
  Difference d;
  const auto blocks = block_of_layer(model);
  for (const Layer* l : model.layers()) {
    const auto name = l->weight_name();
    const auto& layer = record.at("layers").at(name);
    int64_t off = 0;
    if (data.count(name + ".mask")) {
      const auto theirs = unpack_mask(data.at(name + ".mask"), l->mask.sizes());
      off = (l->mask != theirs).sum().item<int64_t>();
    } else {
      off = std::abs(l->mask.sum().item<int64_t>() - layer.at("kept").get<int64_t>());
    }
    d.bits += off;
    d.by_block[blocks.at(name)] += off;
    if (record.contains("near_ties"))  // a swapped pair inside each near-tie group
      d.allowed += 2 * record.at("near_ties").at(name).value("groups_gap_below_1e5", int64_t{0});
    if (off && d.first.empty()) d.first = fmt::format("{} in {}", off, name);
  }
  return d;
}

/// What rounding alone does to a deep model: a probe is the same run with the embeddings off by
/// 1e-6 of themselves (float32 eager against float64 differs by as much after one block). One
/// near-tie that falls the other way changes all blocks behind it.
void nudge(Model& model) {
  std::set<const void*> weights;
  for (const Layer* l : model.layers()) weights.insert(&l->weight);
  auto generator = at::make_generator<at::CPUGeneratorImpl>(uint64_t{1});
  for (const auto& t : model.tensors())
    if (t.parameter && t.tensor->defined() && t.tensor->dim() == 2 && !weights.count(t.tensor))
      *t.tensor = *t.tensor * (1 + 1e-6 * at::randn(t.tensor->sizes(), generator));
}

void compare_kept(Model& model, const TensorMap& data) {
  for (const Layer* l : model.layers()) {
    const auto it = data.find(l->weight_name() + ".kept");
    if (it == data.end()) continue;
    const auto ours = l->matrix().masked_select(l->mask);
    if (ours.numel() != it->second.numel())
      bench::fail("{}: {} kept weights where {} are recorded", l->name, ours.numel(),
                  it->second.numel());
    const auto scale = it->second.abs().max().item<double>();
    const auto worst = (ours - it->second).abs().max().item<double>();
    // Solvers in float32 through a Cholesky factor: rounding of the order of 1e-5 of the largest
    // weight.
    if (!(worst <= 1e-3 * scale)) bench::fail("{}: a kept weight is off by {:.2e}", l->name, worst);
  }
}

void prune_as_recorded(Run& run, const fs::path& file, const Json& record, Model& model,
                       bool reference) {
  const auto how = method_of(record, reference);
  Calibration data;
  if (!record.at("calibration").is_null()) data = recorded_calibration(run, file, record);
  // Some records give the ratio with the pattern, some only as the script's argument.
  const auto& pattern = record.at("pattern");
  const auto ratio = pattern.contains("removed_ratio_argument")
                         ? pattern.at("removed_ratio_argument")
                         : record.at("parameters").at("sparsity_ratio");
  prune(model, how, ratio.is_null() ? 0.5 : ratio.get<double>(), data);
}

double perplexity(Run& run, const fs::path& file, const Json& record, const Model& model) {
  const auto eval =
      fmt::format("inputs/{}/eval40.safetensors", record.at("model").get<std::string>());
  return eval40(run, file, eval, model);
}

/// More bits differ than near-ties explain. Each block may differ by twice what the probe does, and
/// by one weight in 100,000: where the probe moves nothing, a handful of near-ties still may.
void verify_by_probe(Run& run, const fs::path& file, const Json& record, const TensorMap& data,
                     Model& model, const Difference& d) {
  const double ours = perplexity(run, file, record, model);
  std::vector<Tensor> masks;
  for (const Layer* l : model.layers()) masks.push_back(l->mask.clone());
  auto& probe = *run.model(record.at("model").get<std::string>()).model;
  nudge(probe);
  prune_as_recorded(run, file, record, probe, true);
  const auto blocks = block_of_layer(probe);
  std::map<int64_t, int64_t> moved, handful;
  for (size_t i = 0; i < masks.size(); ++i) {
    const Layer* l = probe.layers()[i];
    const auto block = blocks.at(l->weight_name());
    // As compare() does it: of a mask that is not stored the count of kept weights is known.
    moved[block] += data.count(l->weight_name() + ".mask")
                        ? (l->mask != masks[i]).sum().item<int64_t>()
                        : std::abs((l->mask.sum() - masks[i].sum()).item<int64_t>());
    handful[block] += l->mask.numel() / 100000;
  }
  int64_t all = 0;
  for (const auto& [block, bits] : d.by_block) {
    all += moved[block];
    if (bits > 2 * moved[block] + handful[block])
      bench::fail("{} mask bits of block {} differ, rounding moves {}; first {}", bits, block,
                  moved[block], d.first);
  }
  const double nudged = perplexity(run, file, record, probe);
  const double theirs = record.at("result").at("ppl_eval40");
  if (std::abs(ours - theirs) > 1e-4 * theirs + 2 * std::abs(nudged - ours))
    bench::fail("perplexity {:.6f}, recorded {:.6f}, after a nudge {:.6f}", ours, theirs, nudged);
  run.pass("masks (rounding probe)");
  run.note(file, fmt::format("{} bits differ from the record (first {}), {} from our own run with "
                             "embeddings nudged by 1e-6; perplexity {:.4f}, recorded {:.4f}, "
                             "nudged {:.4f}",
                             d.bits, d.first, all, ours, theirs, nudged));
}

}  // namespace

void verify_masks(Run& run, const fs::path& file, const Json& record) {
  const auto method = record.at("method").get<std::string>();
  if (!recipes().count(method)) {
    run.skip("masks", file, "method " + method + " is not built yet");
    return;
  }
  auto& loaded = run.model(record.at("model").get<std::string>());
  const auto data = read_safetensors((file.parent_path() / "data.safetensors").string());
  prune_as_recorded(run, file, record, *loaded.model, true);
  const auto d = compare(*loaded.model, data, record);
  if (d.bits > d.allowed) return verify_by_probe(run, file, record, data, *loaded.model, d);
  if (d.bits == 0) compare_kept(*loaded.model, data);
  expect_relative("perplexity", perplexity(run, file, record, *loaded.model),
                  record.at("result").at("ppl_eval40").get<double>(), d.bits ? 1e-3 : 1e-4);
  run.pass("masks (tie: reference)");
  if (d.bits) run.note(file, fmt::format("{} bits differ inside near-ties", d.bits));
  auto& again = run.model(record.at("model").get<std::string>());
  prune_as_recorded(run, file, record, *again.model, false);
  const auto exact = compare(*again.model, data, record);
  run.note(file, fmt::format("exact counts in a stable order: {} of {} mask bits differ from the "
                             "authors' rule",
                             exact.bits, record.at("result").at("total").dump()));
}

}  // namespace bench::verify
