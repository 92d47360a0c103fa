// Layers as products of two factors, as the authors' own code left them: ranks, singular values,
// products, perplexity; OATS with its sparse rest.
#include <cmath>

#include "core/stage.h"
#include "measure/low_rank.h"
#include "measure/statistics.h"
#include "parity/recipes.h"
#include "parity/recorded.h"

namespace bench::verify {
namespace {

/// Largest deviation of a record's entry as a share of its largest value.
double off(const Tensor& ours, const Tensor& theirs) {
  const auto a = ours.to(at::kDouble), b = theirs.to(at::kDouble).reshape(ours.sizes());
  return ((a - b).abs().max() / b.abs().max()).item<double>();
}

void apply_stage(Model& model, const std::string& name, Value::Map settings,
                 const Calibration& data) {
  std::map<std::string, std::shared_ptr<const Snapshot>> kept;
  const Method none;
  StageContext stage{model, none, 0, at::kCPU, kept, {}, {}, ""};
  stage.calibration = [&] { return data; };
  Registry<Stage>::instance().create(name, Value(std::move(settings)))->apply(stage);
}

void compare_ranks(Model& model, const Json& result) {
  for (const Layer* l : model.layers()) {
    const auto theirs = result.at("rank").find(l->weight_name());
    if (theirs == result.at("rank").end()) continue;
    const auto ours = l->low_rank.u.defined() ? l->low_rank.u.size(1) : 0;
    if (ours != theirs->get<int64_t>())
      bench::fail("{}: rank {} where {} is recorded", l->name, ours, theirs->dump());
  }
}

/// Products against "<weight>.<what>", each within `tolerance` of the matrix's largest entry.
double compare_products(Model& model, const TensorMap& data, const std::string& what,
                        double tolerance) {
  double worst = 0;
  int compared = 0;
  for (const Layer* l : model.layers()) {
    const auto it = data.find(l->weight_name() + what);
    if (it == data.end()) continue;
    const double here = off(l->whole(), it->second) / tolerance;
    if (here > 1) bench::fail("{}: {} is off by {:.2e}", l->name, what, here * tolerance);
    worst = std::max(worst, here);
    ++compared;
  }
  if (compared == 0) bench::fail("no product is recorded");
  return worst;
}

double perplexity(Run& run, const fs::path& file, const Json& record, const Model& model) {
  const auto name = record.at("model").get<std::string>();
  return eval40(run, file, fmt::format("inputs/{}/eval40.safetensors", name), model);
}

/// The first step of SVD-LLM, from what the stage itself is made of.
void compare_singular_values(Model& model, const Calibration& given, const TensorMap& data) {
  auto calibration = given;
  calibration.start(model);
  const auto layers = splittable(model, "verify");
  const auto stats = collect({model, {0, model.block_count()}, calibration, layers},
                             {need<InputScatter>()}, Pass::Local);
  for (Layer* l : layers) {
    const auto root = stats->get<InputScatter>(*l).root();
    if (const auto it = data.find(l->weight_name() + ".whitening_cholesky"); it != data.end())
      if (const double d = off(root, it->second); !(d <= 1e-4))
        bench::fail("{}: the whitening factor is off by {:.2e}", l->name, d);
    if (const auto it = data.find(l->weight_name() + ".singular_values"); it != data.end())
      if (const double d =
              off(truncated(l->matrix().to(at::kDouble).mm(root), 1).singular, it->second);
          !(d <= 1e-4))
        bench::fail("{}: a singular value is off by {:.2e}", l->name, d);
  }
}

void verify_svd_llm(Run& run, const fs::path& file, const Json& record) {
  at::NoGradGuard no_grad;
  auto& model = *run.model(record.at("model").get<std::string>()).model;
  const auto data = read_safetensors((file.parent_path() / "data.safetensors").string());
  const bool update = record.at("method") == "svd_llm_update";
  const auto calibration = recorded_calibration(run, file, record);
  if (update && record.contains("update_calibration") &&
      record.at("update_calibration") != record.at("calibration"))
    throw Missing("whitened on other data than updated on");
  compare_singular_values(model, calibration, data);
  const auto p = parameters(record);
  apply_stage(model, "svd_llm",
              {{"keep", Value(p.contains("kept_ratio") ? p.at("kept_ratio").get<double>()
                                                       : 1 - p.at("ratio").get<double>())},
               {"update", Value(update)}},
              calibration);
  compare_ranks(model, record.at("result"));
  const double worst = compare_products(model, data, ".new", 1e-3);
  expect_relative("perplexity", perplexity(run, file, record, model),
                  record.at("result").at("ppl_eval40").get<double>(), update ? 1e-3 : 1e-4);
  run.pass(update ? "svd_llm with update" : "svd_llm", worst);
}

void verify_asvd(Run& run, const fs::path& file, const Json& record) {
  at::NoGradGuard no_grad;
  auto& model = *run.model(record.at("model").get<std::string>()).model;
  const auto data = read_safetensors((file.parent_path() / "data.safetensors").string());
  const auto p = parameters(record);
  const bool largest = p.at("method") == "abs_max";
  apply_stage(model, "asvd",
              {{"keep", Value(p.at("param_ratio").get<double>())},
               {"alpha", Value(p.at("alpha").get<double>())},
               {"inputs", Value(std::string(largest ? "largest" : "mean"))},
               {"align", Value(p.value("rank_align", int64_t{1}))}},
              recorded_calibration(run, file, record));
  const auto& result = record.at("result");
  compare_ranks(model, result);
  const double worst = compare_products(model, data, ".new_exact", 1e-3);
  expect_relative("perplexity", perplexity(run, file, record, model),
                  result.at("exact").at("ppl_eval40").get<double>(), 1e-3);
  run.pass("asvd (exact truncation)", worst);
}

/// Turns are mildly chaotic: float64 in the authors' own code moves up to 7 % of the support in the
/// long cases. Few turns and the first block of many are held to the entry, perplexity always.
void verify_oats(Run& run, const fs::path& file, const Json& record) {
  at::NoGradGuard no_grad;
  auto& model = *run.model(record.at("model").get<std::string>()).model;
  const auto data = read_safetensors((file.parent_path() / "data.safetensors").string());
  const auto p = parameters(record);
  const double rank = p.at("rank_ratio");
  const auto turns = p.at("num_iters").get<int64_t>();
  Method how;
  how.criterion = named<Criterion>("criterion", "wanda");
  how.allocator = named<Allocator>("allocator", "uniform");
  how.updates.push_back(named<Update>(
      "update", "oats", Value{Value::Map{{"rank", Value(rank)}, {"iterations", Value(turns)}}}));
  double target = 0.5;
  if (const auto n = p.value("keep_n", int64_t{0}); n > 0) {
    how.pattern.kind = Pattern::NM;
    how.pattern.keep = n, how.pattern.of = p.at("of_m");
    how.pattern.tail_removed = true;
  } else {
    how.pattern.contest = Contest::Row;
    target = 1 - (1 - rank) * (1 - p.at("sparsity").get<double>());
  }
  auto calibration = recorded_calibration(run, file, record);
  prune(model, how, target, calibration);
  const auto& result = record.at("result");
  if (result.contains("rank")) compare_ranks(model, result);
  int64_t bits = 0, all = 0, first = 0, of_first = 0;
  for (int64_t b = 0; b < model.block_count(); ++b)
    for (const Layer* l : model.layers(b)) {
      const auto it = data.find(l->weight_name() + ".mask");
      if (it == data.end()) continue;
      const auto here = l->mask.ne(unpack_mask(it->second, l->mask.sizes())).sum().item<int64_t>();
      bits += here, all += l->mask.numel();
      if (b == 0) first += here, of_first += l->mask.numel();
    }
  const auto share = [](int64_t n, int64_t of) {
    return double(n) / double(std::max<int64_t>(of, 1));
  };
  if (share(first, of_first) > 2e-3)
    bench::fail("{} of {} entries of the first block's support differ", first, of_first);
  if (share(bits, all) > 0.12) bench::fail("{} of {} entries of the support differ", bits, all);
  if (bits)
    run.note(file, fmt::format("{} of {} entries of the support differ, {} of {} in the "
                               "first block",
                               bits, all, first, of_first));
  double worst = 0;
  if (bits == 0) worst = compare_products(model, data, ".new", 1e-3);
  expect_relative("perplexity", perplexity(run, file, record, model),
                  result.at("ppl_eval40").get<double>(), bits ? 0.05 : 1e-3);
  run.pass(bits ? "oats (by support and perplexity)" : "oats", worst);
}

const ReplayedAs kSvdLlm({"svd_llm", "svd_llm_update"}, "svd_llm", verify_svd_llm);
const ReplayedAs kAsvd({"asvd"}, "asvd", verify_asvd);
const ReplayedAs kOats({"oats"}, "oats", verify_oats);

}  // namespace
}  // namespace bench::verify
