// Experts of mixtures: what their authors' code scores, keeps, and what the pruned model says.
#include <cmath>

#include "core/stage.h"
#include "measure/passes.h"
#include "measure/routed.h"
#include "parity/recorded.h"

namespace bench::verify {
namespace {

/// Real-valued items of the records move by 1e-7 between two runs; golden/masks README 6.3 allows
/// 1e-6. Tensors are compared entry by entry.
constexpr double kTolerance = 1e-6;

struct Recipe {
  std::string criterion;
  Value settings = Value(Value::Map{});
  int64_t removed = 0;                          // experts a block
  std::map<std::string, std::string> compared;  // a statistic of ours under its recorded name
};

Recipe of_reap(const std::string& method, const Json& p, const Json& config) {
  Recipe r;
  r.criterion = method == "moe_frequency"        ? "expert_frequency"
                : method == "moe_soft_frequency" ? "soft_frequency"
                : method == "moe_reap"           ? "reap"
                                                 : "ean";
  const std::map<std::string, std::string> forms{{"moe_ean_sum", "sum"},
                                                 {"moe_ean_mean", "mean"},
                                                 {"moe_ean_ca", "ca"},
                                                 {"moe_weighted_ean_sum", "weighted"}};
  if (r.criterion == "ean") {
    if (!forms.contains(method)) throw Missing(fmt::format("method {} is not here", method));
    r.settings.set("form", Value(forms.at(method)));
  }
  // The option acts only where the model's own config normalises (reap main.py:121-124).
  const bool asked = p.value("renormalize_router_weights", false);
  r.settings.set("renormalize", Value(asked && config.value("norm_topk_prob", false)));
  r.settings.set("spare_super", Value(p.value("perserve_super_experts", false)));
  r.removed = p.at("n_experts_to_prune").get<int64_t>();
  return r;
}

Recipe recipe_of(const Json& record, const Json& config, int64_t experts) {
  const auto method = record.at("method").get<std::string>();
  const auto& p = record.at("parameters");
  if (method == "moe_naee") {
    Recipe r{"naee", Value(Value::Map{}), experts - p.at("r").get<int64_t>(), {}};
    r.settings.set("together", Value(p.value("batch_size", int64_t{1})));
    const bool progressive =
        record.at("function").get<std::string>().find("progressive") != std::string::npos &&
        record.at("function").get<std::string>().find("layerwise") == std::string::npos;
    r.settings.set("progressive", Value(progressive));
    return r;
  }
  if (method == "moe_mone") {
    Recipe r{"mone", Value(Value::Map{}), experts - p.at("preserve_n_experts").get<int64_t>(), {}};
    r.settings.set("metric", Value(p.at("mone_ranking_metric").get<std::string>()));
    return r;
  }
  if (!p.contains("n_experts_to_prune"))
    throw Missing(fmt::format("method {} is not here", method));
  return of_reap(method, p, config);
}

double off(const Tensor& ours, const Tensor& theirs) {
  const auto a = ours.to(at::kDouble), b = theirs.to(at::kDouble);
  return ((a - b).abs() / b.abs().clamp_min(1e-30)).max().item<double>();
}

/// What the authors keep beside the scores, block by block.
double compare_routed(const TensorMap& t, const std::string& at, const RoutedTokens& s) {
  double worst = 0;
  const auto check = [&](const char* name, const Tensor& ours) {
    if (!t.count(at + name)) return;
    const auto d = off(ours, t.at(at + name));
    if (d > kTolerance) bench::fail("{}{}: off by {:.2e}", at, name, d);
    worst = std::max(worst, d / kTolerance);
  };
  if (!s.count.equal(t.at(at + "expert_frequency").to(at::kDouble)))
    bench::fail("{}expert_frequency: other counts", at);
  check("weighted_expert_frequency_sum", s.probability);
  check("ean_sum", s.norm);
  check("ean_mean", s.mean(s.norm));
  check("weighted_ean_sum", s.weighted);
  check("reap", s.mean(s.weighted));
  // One entry of one output: its rounding is that of the block's largest ones.
  if (t.count(at + "max_activations")) {
    const auto theirs = t.at(at + "max_activations").to(at::kDouble);
    const auto d = ((s.largest - theirs).abs().max() / theirs.max()).item<double>();
    if (d > kTolerance) bench::fail("{}max_activations: off by {:.2e} of the largest", at, d);
  }
  return worst;
}

double compare_loss(const TensorMap& t, const std::string& at, const Statistic::Values& values) {
  for (const auto& [name, value] : values)
    if (name.ends_with("dropped") && !value.equal(t.at(at + "combinations_dropped").to(at::kLong)))
      bench::fail("{}combinations_dropped: another order", at);
  for (const auto& [name, value] : values)
    if (name.ends_with("loss")) {
      const auto d = off(value, t.at(at + "combination_loss"));
      if (d > kTolerance) bench::fail("{}combination_loss: off by {:.2e}", at, d);
      return d / kTolerance;
    }
  return 0;
}

/// Last logits of the first two rows of calib_A, whatever the calibration was.
Tensor last_logits(Run& run, const fs::path& file, const Model& model) {
  const auto ids =
      read_safetensors(run.input(file, "inputs/stories260k/calib_A.safetensors").string())
          .at("ids");
  std::vector<Tensor> rows;
  for (int64_t i = 0; i < 2; ++i) {
    const auto row = ids[i].contiguous();
    const auto* p = row.const_data_ptr<int64_t>();
    const auto logits = model.forward(text_batch({Sequence(p, p + row.numel())}));
    rows.push_back(logits.slice(0, logits.size(0) - 8));
  }
  return at::stack(rows);
}

/// The lowest scores go.
Tensor kept_of(const Tensor& score, int64_t removed) {
  const auto order = std::get<1>(score.sort(/*stable=*/true, 0, false));
  return at::ones({score.size(0)}, at::kBool).index_fill(0, order.slice(0, 0, removed), false);
}

/// Where a token's second expert is skipped, block by block, and what the model says then.
void verify_skipping(Run& run, const fs::path& file, const Json& record, Model& model,
                     const TensorMap& t) {
  const Method none;
  std::map<std::string, std::shared_ptr<const Snapshot>> kept;
  StageContext c{model, none, 0, at::kCPU, kept, {}, {}, ""};
  c.calibration = [&] { return recorded_calibration(run, file, record); };
  std::map<std::string, double> betas;
  c.record = [&](const std::string& name, double value, const std::string&) {
    betas[name] = value;
  };
  Registry<Stage>::instance().create("naee_skipping")->apply(c);
  for (const auto& [block, beta] : record.at("result").at("beta_median").items())
    expect_relative("beta of block " + block, betas.at("naee_skipping.beta." + block),
                    beta.get<double>(), 1e-5);
  const auto d = (last_logits(run, file, model) - t.at("logits_last8")).abs().max().item<double>();
  if (d > 1e-4) bench::fail("logits of the model that skips are off by {:.2e}", d);
  run.pass("experts", d / 1e-4);
}

/// The sequences that were looked at: all, or the first `max_steps`.
Calibration looked_at(Run& run, const fs::path& file, const Json& record) {
  auto data = recorded_calibration(run, file, record);
  const auto most = record.at("parameters").value("max_steps", int64_t{0});
  auto all = split(data.batches);
  if (most <= 0 || most >= static_cast<int64_t>(all.size())) return data;
  all.resize(static_cast<size_t>(most));
  data.batches = std::move(all);
  return data;
}

/// MoNE's experts that gave way to constants: which, to what, and what the model says then.
double compare_constants(Run& run, const fs::path& file, const Json& record, Model& model,
                         double share, const TensorMap& t, const std::vector<Tensor>& keeps) {
  const auto& p = record.at("parameters");
  const Method none;
  std::map<std::string, std::shared_ptr<const Snapshot>> kept;
  StageContext c{model, none, 0, at::kCPU, kept, {}, {}, ""};
  c.calibration = [&] { return looked_at(run, file, record); };
  const bool by_model = p.value("expert_ranking_scope", "model") == "model";
  Registry<Stage>::instance()
      .create(
          "mone_constants",
          Value(Value::Map{
              {"metric", Value(p.at("mone_ranking_metric").get<std::string>())},
              {"share", Value(share)},
              {"scope", Value(std::string(by_model ? "model" : "block"))},
              {"constant", Value(std::string(p.value("zero_out_novice", false) ? "zero" : "mean"))},
              {"bfloat16", Value(true)}}))
      ->apply(c);
  const auto groups = model.groups("expert");
  double worst = 0;
  for (size_t i = 0; i < groups.size(); ++i) {
    const auto& m = *dynamic_cast<Routed&>(model).mixture(groups[i].block);
    const auto name = fmt::format("layer{}.mean_output", groups[i].block);
    for (int64_t e = 0; e < groups[i].units; ++e) {
      const auto row = m.constant_of.defined() ? m.constant_of[e].item<int64_t>() : -1;
      if ((row < 0) != keeps[i][e].item<bool>())
        bench::fail("{}: expert {} has {} constant", groups[i].name, e, row < 0 ? "no" : "a");
      if (row < 0 || p.value("zero_out_novice", false)) continue;
      const auto theirs = t.at(name)[e].to(at::kDouble);
      // Two roundings to bfloat16 on the way: its own, and that of a sum that rounds otherwise.
      const auto d = ((m.constants[row].to(at::kDouble) - theirs).abs().max() / theirs.abs().max())
                         .item<double>();
      if (d > 4e-3) bench::fail("{} of expert {}: off by {:.2e} of the largest", name, e, d);
    }
  }
  const auto d = (last_logits(run, file, model) - t.at("logits_last8")).abs().max().item<double>();
  if (d > 1e-3) bench::fail("logits of the model with constants are off by {:.2e}", d);
  worst = std::max(worst, d / 1e-3);
  return worst;
}

}  // namespace

void verify_experts(Run& run, const fs::path& file, const Json& record) {
  at::NoGradGuard no_grad;
  auto& loaded = run.model(record.at("model").get<std::string>());
  auto& model = *loaded.model;
  auto groups = model.groups("expert");
  if (groups.empty()) bench::fail("the model has no experts");
  const auto t = read_safetensors((file.parent_path() / "data.safetensors").string());
  if (record.at("method") == "moe_naee_skipping")
    return verify_skipping(run, file, record, model, t);
  const auto recipe = recipe_of(record, loaded.checkpoint.config, groups.front().units);
  const auto criterion = Registry<Criterion>::instance().create(recipe.criterion, recipe.settings);
  Pattern pattern;
  pattern.kind = Pattern::Structured;
  pattern.groups = {"expert"};
  const auto data = looked_at(run, file, record);
  std::vector<const Group*> all;
  for (const auto& g : groups) all.push_back(&g);
  const double target =
      static_cast<double>(recipe.removed) / static_cast<double>(groups.front().units);
  const auto stats = collect(
      {model, {0, model.block_count()}, data, prunable(model, pattern), all, &pattern, target},
      criterion->needs(), Pass::Global);
  std::vector<Tensor> keeps, scores;
  double worst = 0;
  for (const auto& g : groups) {
    const auto at = fmt::format("layer{}.", g.block);
    const Layer& root = *g.slices.front().layer;
    if (t.count(at + "expert_frequency"))
      worst = std::max(
          worst, compare_routed(t, at, stats->get<RoutedTokens>(root, criterion->needs().front())));
    if (t.count(at + "combination_loss"))
      worst = std::max(worst, compare_loss(t, at, stats->values(root.name)));
    auto score = criterion->units(g, *stats);
    if (t.count(at + "metric")) {
      const double w = record.at("parameters").value("fusion_io_weight", 1.0);
      const auto theirs = t.at(at + "metric").to(at::kDouble);
      const bool weighed = record.at("parameters").at("mone_ranking_metric") == "fusion";
      const auto d = off(weighed ? score * (w * (1 - w)) : score, theirs);
      worst = std::max(worst, d / 1e-5);
      if (d > 1e-5) bench::fail("{}metric: off by {:.2e}", at, d);
    }
    keeps.push_back(kept_of(score, recipe.removed));
    scores.push_back(score);
  }
  const bool by_model = record.at("parameters").value("expert_ranking_scope", "") == "model";
  if (by_model) {  // one ranking of all blocks' experts
    const auto order = std::get<0>(at::cat(scores).sort(/*stable=*/true, 0, /*descending=*/true));
    const auto kept = (groups.front().units - recipe.removed) * static_cast<int64_t>(groups.size());
    for (size_t i = 0; i < groups.size(); ++i) keeps[i] = scores[i] > order[kept];
  }
  for (size_t i = 0; i < groups.size(); ++i) {
    const auto at = fmt::format("layer{}.", groups[i].block);
    const auto theirs = t.at(at + "expert.keep").to(at::kBool);
    if (!keeps[i].equal(theirs)) bench::fail("{}: other experts are kept", at);
  }
  if (recipe.criterion == "mone")
    return run.pass("experts",
                    std::max(worst, compare_constants(run, file, record, model, target, t, keeps)));
  for (size_t i = 0; i < groups.size(); ++i) shrink(groups[i], keeps[i]);
  const auto d = (last_logits(run, file, model) - t.at("logits_last8")).abs().max().item<double>();
  if (d > 1e-4) bench::fail("logits of the pruned model are off by {:.2e}", d);
  run.pass("experts", std::max(worst, d / 1e-4));
}

}  // namespace bench::verify
