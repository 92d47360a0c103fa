// Keep-masks, kept weights and perplexities of the authors' own pruning code.
#include <ATen/CPUGeneratorImpl.h>

#include <set>

#include "parity/recipes.h"
#include "parity/recorded.h"

namespace bench::verify {
namespace {

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
    int64_t off = 0;
    if (data.count(name + ".mask")) {
      const auto theirs = unpack_mask(data.at(name + ".mask"), l->mask.sizes());
      off = (l->mask != theirs).sum().item<int64_t>();
    } else if (record.contains("layers")) {  // else what is kept is counted with its values
      const auto theirs = record.at("layers").at(name).at("kept").get<int64_t>();
      off = std::abs(l->mask.sum().item<int64_t>() - theirs);
    }
    d.bits += off;
    d.by_block[blocks.at(name)] += off;
    if (record.contains("near_ties"))  // a swapped pair inside each near-tie group
      d.allowed += 2 * record.at("near_ties").at(name).value("groups_gap_below_1e5", int64_t{0});
    if (off && d.first.empty()) d.first = fmt::format("{} in {}", off, name);
  }
  return d;
}

/// What rounding alone does to a deep model: a probe is the same run with embeddings and norms off
/// by 1e-6 of themselves (float32 eager against float64 differs by as much after one block). One
/// near-tie that falls the other way changes all blocks behind it.
void nudge(Model& model, uint64_t seed) {
  std::set<const void*> weights;
  for (const Layer* l : model.layers()) weights.insert(&l->weight);
  auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  for (const auto& t : model.tensors())
    if (t.parameter && t.tensor->defined() && !weights.count(t.tensor))
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
  prune(model, how, target_of(record), data);
}

double perplexity(Run& run, const fs::path& file, const Json& record, const Model& model) {
  const auto eval =
      fmt::format("inputs/{}/eval40.safetensors", record.at("model").get<std::string>());
  return eval40(run, file, eval, model);
}

/// Sum of the absolute kept weights of each layer, where the record has it.
std::map<std::string, double> kept_sums(Model& model, const Json& record) {
  std::map<std::string, double> all;
  if (!record.contains("layers")) return all;
  for (const Layer* l : model.layers())
    if (record.at("layers").at(l->weight_name()).contains("kept_weight_abs_sum"))
      all[l->weight_name()] = l->matrix().abs().sum(at::kDouble).item<double>();
  return all;
}

struct Probe {
  std::map<int64_t, int64_t> moved;  // mask bits by block, against our own run
  std::map<std::string, double> sums;
  double perplexity = 0;
};

Probe run_probe(Run& run, const fs::path& file, const Json& record, const TensorMap& data,
                const std::vector<Tensor>& masks, uint64_t seed) {
  auto& model = *run.model(record.at("model").get<std::string>()).model;
  nudge(model, seed);
  prune_as_recorded(run, file, record, model, true);
  Probe probe;
  const auto blocks = block_of_layer(model);
  for (size_t i = 0; i < masks.size(); ++i) {
    const Layer* l = model.layers()[i];
    // As compare() does it: of a mask that is not stored the count of kept weights is known.
    probe.moved[blocks.at(l->weight_name())] +=
        data.count(l->weight_name() + ".mask")
            ? (l->mask != masks[i]).sum().item<int64_t>()
            : std::abs((l->mask.sum() - masks[i].sum()).item<int64_t>());
  }
  probe.sums = kept_sums(model, record);
  probe.perplexity = perplexity(run, file, record, model);
  return probe;
}

/// Is `value` one more draw of what `seen` were drawn from? The 99 % prediction interval of a
/// normal distribution, and 1e-4 of the value for what is the same in all digits that count.
bool fits(double value, const std::vector<double>& seen) {
  constexpr double kStudent = 5.841;  // 99.5 % quantile at 3 degrees of freedom: four values
  const auto n = static_cast<double>(seen.size());
  double mean = 0, squares = 0;
  for (const auto v : seen) mean += v / n;
  for (const auto v : seen) squares += (v - mean) * (v - mean);
  const double spread = std::sqrt(squares / (n - 1) * (1 + 1 / n));
  return std::abs(value - mean) <= 1e-4 * value + kStudent * spread;
}

/// How far sums of kept weights are from others, by block: root mean square over its layers of the
/// deviation relative to the sum.
std::map<int64_t, double> deviation(Model& model, const std::map<std::string, double>& a,
                                    const std::map<std::string, double>& b) {
  std::map<int64_t, double> squares, layers;
  const auto blocks = block_of_layer(model);
  for (const auto& [name, sum] : a) {
    const auto block = blocks.at(name);
    squares[block] += std::pow(b.at(name) / sum - 1, 2);
    ++layers[block];
  }
  for (auto& [block, value] : squares) value = std::sqrt(value / layers[block]);
  return squares;
}

/// The kept weights of a block's layers sum to the record's within four times what the probes move
/// at most (seven layers, so a spread that is itself known to a factor of two), and 1e-5: what a
/// handful of near-ties with their repairs adds.
void compare_sums(Model& model, const std::map<std::string, double>& ours,
                  const std::vector<Probe>& probes, const Json& record) {
  std::map<std::string, double> theirs;
  for (const auto& [name, sum] : ours)
    theirs[name] = record.at("layers").at(name).at("kept_weight_abs_sum");
  std::map<int64_t, double> moved;
  for (const auto& p : probes)
    for (const auto& [block, by] : deviation(model, ours, p.sums))
      moved[block] = std::max(moved[block], by);
  for (const auto& [block, by] : deviation(model, ours, theirs))
    if (!(by <= 4 * moved[block] + 1e-5))
      bench::fail(
          "block {}: the kept weights of its layers sum to others than recorded, by {:.2e}; "
          "rounding moves {:.2e}",
          block, by, moved[block]);
}

/// More bits differ than near-ties explain. Each block may differ by twice what the probes move at
/// most, and by one weight in 100,000: where they move nothing, a handful of near-ties still may.
void verify_by_probe(Run& run, const fs::path& file, const Json& record, const TensorMap& data,
                     Model& model, const Difference& d) {
  std::vector<double> found{perplexity(run, file, record, model)};
  const auto sums = kept_sums(model, record);
  std::vector<Tensor> masks;
  std::vector<Probe> probes;
  std::map<int64_t, int64_t> handful, moved;
  const auto blocks = block_of_layer(model);
  for (const Layer* l : model.layers()) {
    masks.push_back(l->mask.clone());
    handful[blocks.at(l->weight_name())] += l->mask.numel() / 100000;
  }
  for (const uint64_t seed : {1, 2, 3}) {
    probes.push_back(run_probe(run, file, record, data, masks, seed));
    found.push_back(probes.back().perplexity);
    for (const auto& [block, bits] : probes.back().moved)
      moved[block] = std::max(moved[block], bits);
  }
  compare_sums(model, sums, probes, record);
  int64_t all = 0;
  for (const auto& [block, bits] : d.by_block) {
    all += moved[block];
    if (bits > 2 * moved[block] + handful[block])
      bench::fail("{} mask bits of block {} differ, rounding moves {}; first {}", bits, block,
                  moved[block], d.first);
  }
  const double theirs = record.at("result").at("ppl_eval40");
  const auto said = fmt::format(
      "perplexity {:.4f}, recorded {:.4f}, after nudges {:.4f}, {:.4f}, "
      "{:.4f}",
      found[0], theirs, found[1], found[2], found[3]);
  if (!fits(theirs, found)) bench::fail("{}", said);
  run.pass("masks (rounding probe)");
  run.note(file, fmt::format("{} bits differ from the record (first {}), at most {} from our own "
                             "run nudged by 1e-6; {}",
                             d.bits, d.first, all, said));
}

}  // namespace

void verify_masks(Run& run, const fs::path& file, const Json& record) {
  const auto method = record.at("method").get<std::string>();
  if (!recipe_of(record)) {
    run.skip("masks", file, "method " + method + " is not built yet, or not with its options");
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
  try {
    prune_as_recorded(run, file, record, *again.model, false);
    run.note(file, fmt::format("exact counts in a stable order: {} mask bits differ from the "
                               "authors' rule",
                               compare(*again.model, data, record).bits));
  } catch (const Error& e) {  // what has no exact count says so
    run.note(file, e.what());
  }
}

}  // namespace bench::verify
