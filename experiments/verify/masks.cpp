// Keep-masks, kept weights and perplexities of the authors' own pruning code.
#include "base/digest.h"
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

/// Entries of ours that differ from the record; those inside its near-tie groups are allowed.
struct Difference {
  int64_t bits = 0, allowed = 0;
  std::string first;
};

Difference compare(Model& model, const TensorMap& data, const Json& record) {
  Difference d;
  for (const Layer* l : model.layers()) {
    const auto name = l->weight_name();
    const auto& layer = record.at("layers").at(name);
    int64_t off = 0;
    if (data.count(name + ".mask")) {
      const auto theirs = unpack_mask(data.at(name + ".mask"), l->mask.sizes());
      off = (l->mask != theirs).sum().item<int64_t>();
    } else if (l->mask.sum().item<int64_t>() != layer.at("kept").get<int64_t>()) {
      off = std::abs(l->mask.sum().item<int64_t>() - layer.at("kept").get<int64_t>());
    }
    d.bits += off;
    if (record.contains("near_ties"))  // a swapped pair inside each near-tie group
      d.allowed += 2 * record.at("near_ties").at(name).value("groups_gap_below_1e5", int64_t{0});
    if (off && d.first.empty()) d.first = fmt::format("{} in {}", off, name);
  }
  return d;
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
  const bool large = loaded.model->block_count() > 20;
  if (!large && d.bits > d.allowed)
    bench::fail("{} mask bits differ ({} allowed by near-ties), first {}", d.bits, d.allowed,
                d.first);
  if (large && d.bits > 1000)  // 106 million entries; the record lists no near-ties for solvers
    bench::fail("{} mask bits differ, first {}", d.bits, d.first);
  if (d.bits == 0) compare_kept(*loaded.model, data);
  const auto eval =
      fmt::format("inputs/{}/eval40.safetensors", record.at("model").get<std::string>());
  expect_relative("perplexity", eval40(run, file, eval, *loaded.model),
                  record.at("result").at("ppl_eval40").get<double>(), d.bits ? 1e-3 : 1e-4);
  run.pass("masks (tie: reference)");
  if (d.bits)
    run.skip("near-tie bits", file, fmt::format("{} bits differ inside near-ties", d.bits));
  auto& again = run.model(record.at("model").get<std::string>());
  if (large) return;
  prune_as_recorded(run, file, record, *again.model, false);
  const auto exact = compare(*again.model, data, record);
  run.skip("distance of the default (exact counts)", file,
           fmt::format("{} of {} mask bits differ from the authors' rule", exact.bits,
                       record.at("result").at("total").dump()));
}

}  // namespace bench::verify
