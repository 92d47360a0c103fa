// Methods recorded on one layer of the dense model (ExactOBS), and the search for levels
// (EvoPress).
#include <algorithm>
#include <cstdio>

#include "core/update.h"
#include "measure/level_search.h"
#include "measure/passes.h"
#include "parity/recorded.h"

namespace bench::verify {
namespace {

Layer* layer_named(Model& model, const std::string& weight) {
  for (Layer* l : model.layers())
    if (l->weight_name() == weight) return l;
  throw Missing("the model has no tensor " + weight);
}

/// "s50": 0.5; "" for a case with one result.
struct Asked {
  std::string key;
  double share;
};
std::vector<Asked> asked_of(const Json& record) {
  std::vector<Asked> all;
  const auto& p = record.at("parameters");
  if (!p.contains("sparsities")) return {{"", 0}};
  for (const auto& s : p.at("sparsities"))
    all.push_back({fmt::format("s{:.0f}", 100 * s.get<double>()), s.get<double>()});
  return all;
}

double half_trace(const Tensor& change, const Tensor& h) {
  return change.mm(h).mul(change).sum().item<double>() / 2;
}

void compare_one(const Asked& asked, const Layer& layer, const Tensor& mask, const Tensor& dense,
                 const TensorMap& data, const Json& record) {
  const auto prefix = asked.key.empty() ? "" : asked.key + ".";
  const auto theirs = unpack_mask(data.at(prefix + "mask"), mask.sizes());
  if (const auto off = mask.ne(theirs).sum().item<int64_t>())
    bench::fail("{}: {} mask bits differ", asked.key, off);
  const auto& kept = data.at(prefix + "new");
  const auto worst = (layer.matrix() - kept).abs().max().item<double>();
  const auto scale = kept.abs().max().item<double>();
  if (!(worst <= 1e-3 * scale)) bench::fail("{}: a weight is off by {:.2e}", asked.key, worst);
  const auto& result = asked.key.empty() ? record.at("result") : record.at("result").at(asked.key);
  expect_relative("error of the output",
                  half_trace((layer.matrix() - dense).to(at::kDouble), data.at("H")),
                  result.at("error_half_trace_DHD").get<double>(), 1e-3);
}

/// The quantising case: a layer alone, all of its weights.
void verify_obq(Run& run, const fs::path& file, const Json& record) {
  at::NoGradGuard no_grad;
  const auto& p = record.at("parameters");
  const auto data = read_safetensors((file.parent_path() / "data.safetensors").string());
  const auto update = Registry<Update>::instance().create(
      "obq", Value{Value::Map{{"bits", Value(p.at("bits").get<int64_t>())},
                              {"symmetric", Value(p.value("sym", false))},
                              {"search", Value(p.value("mse", false))}}});
  auto& model = *run.model(record.at("model").get<std::string>()).model;
  Layer* layer = layer_named(model, record.at("tensor").get<std::string>());
  auto calibration = recorded_calibration(run, file, record);
  calibration.start(model);
  const auto stats = collect({model, {0, model.block_count()}, calibration, {layer}},
                             update->needs(), Pass::Local);
  Part part;
  part.name = layer->name, part.size = layer->weight.numel(), part.layer = layer;
  const auto dense = layer->matrix();
  const Pattern pattern;
  Site site{*layer, at::ones(dense.sizes(), at::kBool), part, pattern, Contest::Layer, {}, *stats,
            {}};
  update->apply(site);
  const auto& theirs = data.at("new");
  const auto off = (layer->matrix() - theirs).abs() > 0.5 * data.at("scale").reshape({-1, 1});
  const auto count = off.sum().item<int64_t>();
  if (count > off.numel() / 200) bench::fail("{} of {} levels differ", count, off.numel());
  expect_relative(
      "error of the output", half_trace((layer->matrix() - dense).to(at::kDouble), data.at("H")),
      record.at("result").at("error_half_trace_DHD").get<double>(), count ? 1e-2 : 1e-3);
  if (count) run.note(file, fmt::format("{} of {} levels differ", count, off.numel()));
  run.pass("obq");
}

}  // namespace

void verify_obc(Run& run, const fs::path& file, const Json& record) {
  const auto& p = record.at("parameters");
  if (p.contains("bits")) return verify_obq(run, file, record);
  at::NoGradGuard no_grad;
  const auto data = read_safetensors((file.parent_path() / "data.safetensors").string());
  const auto update = Registry<Update>::instance().create(
      "obc", Value{Value::Map{{"size", Value(p.value("size", int64_t{1}))}}});
  Pattern pattern;
  pattern.reference_ties = true;
  if (p.contains("n_removed")) {
    pattern.kind = Pattern::NM;
    pattern.of = p.at("m");
    pattern.keep = pattern.of - p.at("n_removed").get<int64_t>();
  }
  for (const auto& asked : asked_of(record)) {
    auto& model = *run.model(record.at("model").get<std::string>()).model;
    Layer* layer = layer_named(model, record.at("tensor").get<std::string>());
    auto calibration = recorded_calibration(run, file, record);
    calibration.start(model);
    const auto stats = collect({model, {0, model.block_count()}, calibration, {layer}},
                               update->needs(), Pass::Local);
    Part part;
    part.name = layer->name, part.size = layer->weight.numel(), part.layer = layer;
    const auto dense = layer->matrix();
    Site site{*layer,         at::ones(dense.sizes(), at::kBool),
              part,           pattern,
              Contest::Layer, {asked.share},
              *stats,         {}};
    update->apply(site);
    compare_one(asked, *layer, site.mask, dense, data, record);
  }
  run.pass("obc");
}

namespace {

std::vector<int64_t> whole_numbers(const Json& list) {
  return list.get<std::vector<int64_t>>();
}

LevelSearch search_of(const Json& p) {
  LevelSearch how;
  how.generations = p.at("generations");
  how.offspring = p.at("offspring");
  how.survivors = whole_numbers(p.at("survivors_per_selection"));
  how.tokens = whole_numbers(p.at("tokens_per_selection"));
  how.kl = p.at("fitness_fn") == "kl";
  how.seed = p.at("seed");
  how.max_deviation = p.value("max_total_deviation", int64_t{99999});
  how.levels = 0;
  for (const auto level : whole_numbers(p.at("levels")))
    how.levels = std::max(how.levels, std::abs(level));
  how.levels = std::min(how.levels, p.value("max_level", how.levels));
  return how;
}

/// "weight of level v: in every row the int(I*(0.5 + 0.1*v)) smallest |w| ... are zero".
struct Database {
  double base = 0, step = 0;
  std::vector<int64_t> levels;
  bool has(int64_t level) const {
    return std::find(levels.begin(), levels.end(), level) != levels.end();
  }
};
Database database_of(const Json& p) {
  Database d;
  const auto text = p.at("level_database").get<std::string>();
  const auto at = text.find("int(I*(");
  if (at == std::string::npos ||
      std::sscanf(text.c_str() + at, "int(I*(%lf + %lf*v))", &d.base, &d.step) != 2)
    throw Missing("the database of levels is described otherwise: " + text);
  d.levels = whole_numbers(p.at("levels"));
  return d;
}

/// What was drawn, seen and kept by one selection. Returns the largest relative deviation.
double compare_choice(const LevelChoice& ours, size_t index, const TensorMap& data,
                      const Json& theirs) {
  const auto name = fmt::format("s{:03d}", index);
  if (ours.sequences != whole_numbers(theirs.at("minibatch_sequences")))
    bench::fail("selection {}: other sequences were drawn", index);
  const auto candidates = data.at(name + ".candidates").to(at::kLong);
  const auto fitness = data.at(name + ".fitness");
  if (candidates.size(0) != static_cast<int64_t>(ours.candidates.size()))
    bench::fail("selection {}: {} candidates where {} are recorded", index, ours.candidates.size(),
                candidates.size(0));
  double worst = 0;
  for (size_t i = 0; i < ours.candidates.size(); ++i) {
    const auto at = static_cast<int64_t>(i);
    if (!at::tensor(ours.candidates[i], at::kLong).equal(candidates[at]))
      bench::fail("selection {}: candidate {} has other levels", index, i);
    const double f = fitness[at].item<double>();
    worst = std::max(worst, std::abs(ours.fitness[i] / f - 1));
  }
  if (!(worst <= 1e-3)) bench::fail("selection {}: a fitness is off by {:.2e}", index, worst);
  if (ours.survivors != whole_numbers(theirs.at("survivors")))
    bench::fail("selection {}: others survive", index);
  return worst;
}

Method with_search(const Json& p, double step) {
  Value::List survivors, tokens;
  for (const auto n : whole_numbers(p.at("survivors_per_selection"))) survivors.emplace_back(n);
  for (const auto n : whole_numbers(p.at("tokens_per_selection"))) tokens.emplace_back(n);
  const auto how = search_of(p);
  Method m;
  m.criterion = named<Criterion>("criterion", "magnitude");
  m.allocator =
      named<Allocator>("allocator", "evopress",
                       Value{Value::Map{{"generations", Value(how.generations)},
                                        {"offspring", Value(how.offspring)},
                                        {"survivors", Value(survivors)},
                                        {"tokens", Value(tokens)},
                                        {"fitness", Value(p.at("fitness_fn").get<std::string>())},
                                        {"seed", Value(how.seed)},
                                        {"levels", Value(how.levels)},
                                        {"max_deviation", Value(how.max_deviation)},
                                        {"step", Value(step)},
                                        {"even", Value(false)}}});
  m.pattern.contest = Contest::Row;
  m.propagation = Propagation::Dense;
  return m;
}

}  // namespace

void verify_evopress(Run& run, const fs::path& file, const Json& record) {
  const auto& p = record.at("parameters");
  const auto& result = record.at("result");
  const auto name = record.at("model").get<std::string>();
  auto& model = *run.model(name).model;
  const auto data = read_safetensors((file.parent_path() / "data.safetensors").string());
  auto calibration = recorded_calibration(run, file, record);
  std::vector<Layer*> layers;
  for (const auto& l : result.at("layer_names_in_order"))
    layers.push_back(layer_named(model, l.get<std::string>() + ".weight"));
  size_t index = 0;
  double worst = 0;
  const auto database = database_of(p);
  const auto& selections = result.at("selections");
  const auto found = search_levels(
      model, calibration, layers, search_of(p),
      [&](size_t i, int64_t level) -> Tensor {
        if (!database.has(level)) return {};
        const auto w = layers[i]->matrix();
        const double share = database.base + database.step * static_cast<double>(level);
        return w.masked_fill(~select(w.abs(), Contest::Row, share), 0);
      },
      [&](const LevelChoice& choice) {
        if (index >= selections.size()) bench::fail("more selections than recorded");
        worst = std::max(worst, compare_choice(choice, index, data, selections.at(index)));
        ++index;
      });
  for (size_t i = 0; i < layers.size(); ++i)
    if (found[i] != result.at("final_levels").at(layers[i]->name).get<int64_t>())
      bench::fail("{} ends at level {}", layers[i]->name, found[i]);
  for (const auto level : database.levels)
    if (!database.has(-level)) return run.pass("evopress (search alone)", worst / 1e-3);
  prune(model, with_search(p, database.step), database.base, calibration);
  expect_relative("perplexity",
                  eval40(run, file, fmt::format("inputs/{}/eval40.safetensors", name), model),
                  result.at("ppl_eval40").get<double>(), 1e-4);
  run.pass("evopress", worst / 1e-3);
}

}  // namespace bench::verify
