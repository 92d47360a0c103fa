// Blocks taken out: block influence and angles of ShortGPT, the greedy search of SLEB, and the
// perplexity after each removal.
#include <cstdio>

#include "core/stage.h"
#include "measure/block_influence.h"
#include "measure/greedy_removal.h"
#include "measure/passes.h"
#include "parity/recorded.h"

namespace bench::verify {
namespace {

Pattern blocks(int64_t first = 0, int64_t last = 0) {
  Pattern p;
  p.kind = Pattern::Structured;
  p.groups = {"block"};
  p.exempt_first = first, p.exempt_last = last;
  return p;
}

std::string eval_of(const Json& record) {
  return fmt::format("inputs/{}/eval40.safetensors", record.at("model").get<std::string>());
}

/// Takes one block out of the model as it stands.
void take_out(Model& model, int64_t block) {
  for (const auto& g : model.groups("block"))
    if (g.block == block) return shrink(g, at::zeros({1}, at::kBool));
  bench::fail("block {} is gone already", block);
}

struct Found {
  std::vector<Group> groups;
  std::shared_ptr<const Stats> stats;
  std::vector<double> scores;
  /// Blocks, the lowest score first.
  std::vector<int64_t> order() const {
    std::vector<int64_t> all;
    for (const auto& g : groups) all.push_back(g.block);
    std::stable_sort(all.begin(), all.end(), [&](int64_t a, int64_t b) {
      return scores[static_cast<size_t>(a - groups.front().block)] <
             scores[static_cast<size_t>(b - groups.front().block)];
    });
    return all;
  }
};

Found score(Run& run, const fs::path& file, const Json& record, Model& model,
            const Criterion& criterion, const Pattern& pattern) {
  Found f;
  f.groups = prunable_groups(model, pattern);
  std::vector<const Group*> groups;
  for (const auto& g : f.groups) groups.push_back(&g);
  const auto data = recorded_calibration(run, file, record);
  f.stats = collect({model, {0, model.block_count()}, data, prunable(model, pattern), groups},
                    criterion.needs(), Pass::Global);
  for (const auto& g : f.groups) f.scores.push_back(criterion.units(g, *f.stats).item<double>());
  return f;
}

/// Prunes as a trial does to each depth that is recorded, and measures the masked model against the
/// perplexity after so many removals.
void compare_masked(Run& run, const fs::path& file, const Json& record, Model& model,
                    const std::string& name, const Pattern& pattern, const Json& after) {
  const Snapshot dense(model);
  Method how;
  how.criterion = Registry<Criterion>::instance().create(name);
  how.allocator = Registry<Allocator>::instance().create("global");
  how.pattern = pattern;
  const auto candidates = static_cast<double>(prunable_groups(model, pattern).size());
  for (size_t n = 1; n <= after.size(); ++n) {
    auto data = recorded_calibration(run, file, record);
    prune(model, how, static_cast<double>(n) / candidates, data);
    expect_relative(fmt::format("perplexity of the model with {} masked blocks", n),
                    eval40(run, file, eval_of(record), model),
                    after[n - 1].at("ppl_eval40").get<double>(), 1e-4);
    dense.restore(model);
  }
}

}  // namespace

void verify_shortgpt(Run& run, const fs::path& file, const Json& record) {
  auto& model = *run.model(record.at("model").get<std::string>()).model;
  at::NoGradGuard no_grad;
  const auto criterion = Registry<Criterion>::instance().create("shortgpt");
  const auto found = score(run, file, record, model, *criterion, blocks());
  const auto& result = record.at("result");
  const auto theirs = result.at("importance_sum").get<std::vector<double>>();
  const auto& angles = result.at("angular_last_token_sum");
  double worst = 0;
  for (size_t i = 0; i < theirs.size(); ++i) {
    const auto& g = found.groups.at(i);
    const auto& of = found.stats->get<BlockInfluence>(*g.slices.front().layer).of.at(g.name);
    worst = std::max(worst, std::abs(of.one_minus_cosine / theirs[i] - 1) / 1e-4);
    for (const auto& [length, sums] : angles.items()) {
      if (i >= sums.size()) continue;
      const auto ours = of.angles.at(std::stoul(length) - 1);
      worst = std::max(worst, std::abs(ours / sums[i].get<double>() - 1) / 1e-4);
    }
  }
  if (worst > 1) bench::fail("a block's influence is off by {:.1f} times the tolerance", worst);
  if (found.order() != result.at("removal_order").get<std::vector<int64_t>>())
    bench::fail("blocks go in another order than {}", result.at("removal_order").dump());
  compare_masked(run, file, record, model, "shortgpt", blocks(), result.at("after_removal"));
  for (const auto& after : result.at("after_removal")) {
    take_out(model, after.at("removed").back().get<int64_t>());
    expect_relative("perplexity after removing " + after.at("removed").dump(),
                    eval40(run, file, eval_of(record), model), after.at("ppl_eval40").get<double>(),
                    1e-4);
  }
  run.pass("shortgpt", worst);
}

void verify_sleb(Run& run, const fs::path& file, const Json& record) {
  auto& model = *run.model(record.at("model").get<std::string>()).model;
  at::NoGradGuard no_grad;
  const auto& p = record.at("parameters");
  const auto pattern =
      blocks(p.at("early_barrier").get<int64_t>(), p.at("latter_barrier").get<int64_t>());
  const auto criterion = Registry<Criterion>::instance().create("sleb");
  const auto found = score(run, file, record, model, *criterion, pattern);
  const auto& steps = record.at("result").at("steps");
  if (found.order() != record.at("result").at("removal_order").get<std::vector<int64_t>>())
    bench::fail("blocks go in another order than {}",
                record.at("result").at("removal_order").dump());
  const auto notes = found.stats->notes(found.groups.front().slices.front().layer->name);
  const auto& losses = notes.at("greedy.losses");
  double worst = 0;
  for (size_t i = 0; i < steps.size(); ++i) {
    const auto removed = steps[i].at("removed").get<int64_t>();
    const auto theirs = steps[i].at("candidate_losses").at(std::to_string(removed)).get<double>();
    worst = std::max(worst, std::abs(losses.at(i) / theirs - 1) / 1e-4);
  }
  if (worst > 1) bench::fail("a loss is off by {:.1f} times the tolerance 1e-4", worst);
  compare_masked(run, file, record, model, "sleb", pattern, steps);
  for (const auto& step : steps) {
    take_out(model, step.at("removed").get<int64_t>());
    expect_relative("perplexity without block " + step.at("removed").dump(),
                    eval40(run, file, eval_of(record), model), step.at("ppl_eval40").get<double>(),
                    1e-4);
  }
  run.pass("sleb", worst);
}

namespace {

/// First block of the window, similarities, and the model without it.
void verify_streamline(Run& run, const fs::path& file, const Json& record) {
  auto& model = *run.model(record.at("model").get<std::string>()).model;
  at::NoGradGuard no_grad;
  const auto& p = record.at("parameters");
  const auto& result = record.at("result");
  const auto length = p.at("layer_intervals").get<int64_t>();
  auto data = recorded_calibration(run, file, record);
  const auto sequences = split(data.batches);
  const auto first_n =
      std::min(static_cast<size_t>(p.at("num_data").get<int64_t>()), sequences.size());
  data.batches.assign(sequences.begin(), sequences.begin() + static_cast<std::ptrdiff_t>(first_n));
  const auto groups = prunable_groups(model, blocks());
  std::vector<const Group*> all;
  for (const auto& g : groups) all.push_back(&g);
  const auto target = static_cast<double>(length) / static_cast<double>(groups.size());
  const auto pattern = blocks();
  const auto criterion = Registry<Criterion>::instance().create("streamline");
  const auto stats = collect(
      {model, {0, model.block_count()}, data, prunable(model, pattern), all, &pattern, target},
      criterion->needs(), Pass::Global);
  const auto ours =
      stats->notes(groups.front().slices.front().layer->name).at("streamline.similarity");
  const auto theirs = result.at("similarity").get<std::vector<double>>();
  if (ours.size() < theirs.size()) bench::fail("{} windows, not {}", ours.size(), theirs.size());
  double worst = 0;
  for (size_t i = 0; i < theirs.size(); ++i)
    worst = std::max(worst, std::abs(ours[i] / theirs[i] - 1) / 1e-5);
  if (worst > 1) bench::fail("a similarity is off by {:.1f} times 1e-5", worst);
  for (const auto& g : groups) {
    const bool gone = criterion->units(g, *stats).item<double>() == 0;
    const auto first = result.at("first_removed_block").get<int64_t>();
    if (gone != (g.block >= first && g.block < first + length))
      bench::fail("block {} is {}", g.block, gone ? "removed" : "kept");
  }
  Method how;
  how.criterion = named<Criterion>("criterion", "streamline");
  how.allocator = named<Allocator>("allocator", "global");
  how.pattern = pattern;
  prune(model, how, target, data);
  expect_relative("perplexity without them", eval40(run, file, eval_of(record), model),
                  result.at("plain_removal").at("ppl_eval40").get<double>(), 1e-4);
  run.pass("streamline", worst);
}

/// "--norm_power 2 ..." of the authors' scripts.
std::string argument(const Json& record, const std::string& name, const std::string& otherwise) {
  const auto& words = record.at("parameters").at("argv");
  for (size_t i = 0; i + 1 < words.size(); ++i)
    if (words[i] == "--" + name) return words[i + 1].get<std::string>();
  return otherwise;
}

void verify_shortened_llama(Run& run, const fs::path& file, const Json& record) {
  auto& model = *run.model(record.at("model").get<std::string>()).model;
  const auto& result = record.at("result");
  const auto function = record.at("function").get<std::string>();
  const std::string by = function.find("taylor") != std::string::npos      ? "taylor"
                         : function.find("magnitude") != std::string::npos ? "magnitude"
                                                                           : "ppl";
  const auto criterion = Registry<Criterion>::instance().create(
      "shortened_llama",
      Value{
          Value::Map{{"by", Value(by)},
                     {"power", Value(int64_t{std::stoll(argument(record, "norm_power", "1"))})},
                     {"rows", Value(argument(record, "weight_reduction", "sum"))},
                     {"block", Value(argument(record, "block_reduction", "sum"))},
                     {"batch", Value(int64_t{std::stoll(argument(record, "batch_size", "0"))})}}});
  auto data = by == "magnitude" ? Calibration() : recorded_calibration(run, file, record);
  // What is recorded is all of what was looked at, in one batch, unless the arguments say
  // otherwise.
  const auto count = static_cast<size_t>(std::stoll(argument(record, "num_calib_data", "100000")));
  auto sequences = split(data.batches);
  if (sequences.size() > count) sequences.resize(count);
  data.batches = sequences;
  const auto groups = prunable_groups(model, blocks());
  std::vector<const Group*> all;
  for (const auto& g : groups) all.push_back(&g);
  const auto stats =
      collect({model, {0, model.block_count()}, data, prunable(model, blocks()), all},
              criterion->needs(), Pass::Global);
  Found found{groups, stats, {}};
  for (const auto& g : groups) found.scores.push_back(criterion->units(g, *stats).item<double>());
  double worst = 0;
  if (by != "ppl")
    for (const auto& g : groups) {
      const auto name = fmt::format("model.layers.{}", g.block);
      const auto theirs = result.at("block_score").at(name).get<double>();
      const auto ours = found.scores[static_cast<size_t>(g.block)];
      worst = std::max(worst, std::abs(ours - theirs) / std::abs(theirs) / 1e-4);
    }
  else
    for (const auto& g : groups) {
      const auto notes = stats->notes(groups.front().slices.front().layer->name);
      const auto rank = static_cast<size_t>(found.scores[static_cast<size_t>(g.block)]);
      const auto theirs = result.at("ppl_after_removal").at(std::to_string(g.block)).get<double>();
      worst = std::max(worst,
                       std::abs(std::exp(notes.at("greedy.losses").at(rank)) / theirs - 1) / 1e-4);
    }
  if (worst > 1) bench::fail("a block's score is off by {:.1f} times 1e-4", worst);
  const auto order = result.at("removal_order_least_important_first").get<std::vector<int64_t>>();
  if (found.order() != order) bench::fail("blocks go in another order than recorded");
  const auto& after = result.at("ppl_eval40_after_k_removed_no_protection");
  for (size_t k = 0; k < order.size(); ++k) {
    const auto at = after.find(std::to_string(k + 1));
    take_out(model, order[k]);
    if (at == after.end()) break;
    expect_relative(fmt::format("perplexity without {} blocks", k + 1),
                    eval40(run, file, eval_of(record), model), at->get<double>(), 1e-4);
  }
  run.pass("shortened llama", worst);
}

void verify_blockpruner(Run& run, const fs::path& file, const Json& record) {
  auto& model = *run.model(record.at("model").get<std::string>()).model;
  at::NoGradGuard no_grad;
  const auto type = record.at("parameters").at("block_type").get<std::string>();
  Pattern pattern = blocks();
  pattern.groups.clear();
  if (type != "mlp") pattern.groups.push_back("attention");
  if (type != "mha") pattern.groups.push_back("mlp");
  const auto criterion = Registry<Criterion>::instance().create("blockpruner");
  const auto found = score(run, file, record, model, *criterion, pattern);
  const auto key = criterion->needs().front();
  const auto& greedy =
      found.stats->get<GreedyRemoval>(*found.groups.front().slices.front().layer, key);
  double worst = 0;
  const auto& steps = record.at("result").at("steps");
  for (size_t k = 0; k < steps.size(); ++k) {
    const auto gone = steps[k].at("removed");
    for (size_t i = 0; i < found.groups.size(); ++i) {
      const auto& g = found.groups[i];
      const bool mlp = g.kind == "mlp";
      const auto name = fmt::format("{}{}", mlp ? "mlp" : "mha", g.block);
      const bool next = found.scores[i] == static_cast<double>(k);
      if (next != (gone[0] == (mlp ? "mlp" : "mha") && gone[1] == g.block))
        bench::fail("step {}: {} {} removed", k, name, next ? "is" : "is not");
      const auto theirs = steps[k].at("candidates").find(name);
      if (theirs == steps[k].at("candidates").end()) continue;
      const auto ours = std::exp(greedy.tried.at(k).at(g.name));
      worst = std::max(worst, std::abs(ours / theirs->get<double>() - 1) / 1e-4);
    }
  }
  if (worst > 1) bench::fail("a perplexity is off by {:.1f} times 1e-4", worst);
  run.pass("blockpruner", worst);
}

void verify_laco(Run& run, const fs::path& file, const Json& record) {
  auto& model = *run.model(record.at("model").get<std::string>()).model;
  const auto& p = record.at("parameters");
  const auto& result = record.at("result");
  long rows = 0, ids = 0;
  const auto said = p.at("sentences").get<std::string>();
  if (std::sscanf(said.c_str(), "first %ld rows, first %ld ids", &rows, &ids) != 2)
    throw Missing("sentences are described otherwise: " + said);
  auto data = recorded_calibration(run, file, record);
  std::vector<Batch> sentences;
  for (const auto& one : split(data.batches)) {
    if (static_cast<long>(sentences.size()) == rows) break;
    const auto first = one.ids.slice(0, 0, ids).contiguous();
    const auto* at = first.const_data_ptr<int64_t>();
    sentences.push_back(text_batch({Sequence(at, at + first.numel())}));
  }
  data.batches = sentences;
  std::map<std::string, double> noted;
  std::map<std::string, std::shared_ptr<const Snapshot>> kept;
  Method none;
  StageContext stage{model, none, 0, at::kCPU, kept, {}, {}, ""};
  stage.record = [&](const std::string& name, double value, const std::string&) {
    noted[name] = value;
  };
  stage.calibration = [&] { return data; };
  Registry<Stage>::instance()
      .create("laco", Value{Value::Map{{"merge", Value(p.at("MERGE_LAYERS").get<int64_t>())},
                                       {"threshold", Value(p.at("THRESHOLD").get<double>())},
                                       {"interval", Value(p.at("INTERVAL").get<int64_t>())},
                                       {"highest", Value(p.at("HIGHEST_LAY").get<int64_t>())},
                                       {"lowest", Value(p.at("LOWEST_LAY").get<int64_t>())}}})
      ->apply(stage);
  const auto& steps = result.at("steps_layer_blocks_similarity_accepted");
  double worst = 0;
  for (size_t k = 0; k < steps.size(); ++k) {
    const auto at = [&](const char* what) { return noted.at(fmt::format("step{}_{}", k, what)); };
    if (at("block") != steps[k][0].get<double>()) bench::fail("step {} is at another block", k);
    worst = std::max(worst, std::abs(at("similarity") - steps[k][2].get<double>()) / 1e-5);
  }
  if (noted.count(fmt::format("step{}_block", steps.size())))
    bench::fail("more steps than recorded");
  if (worst > 1) bench::fail("a similarity is off by {:.1f} times 1e-5", worst);
  if (static_cast<int64_t>(model.groups("block").size()) != result.at("blocks_left").get<int64_t>())
    bench::fail("{} blocks are left", model.groups("block").size());
  expect_relative("perplexity of the merged model", eval40(run, file, eval_of(record), model),
                  result.at("ppl_eval40").get<double>(), 1e-4);
  run.pass("laco", worst);
}

const ReplayedAs kStreamline({"streamline_cosine"}, "streamline", verify_streamline);
const ReplayedAs kShortened({"shortened_llama"}, "shortened llama", verify_shortened_llama);
const ReplayedAs kBlockPruner({"blockpruner"}, "blockpruner", verify_blockpruner);
const ReplayedAs kLaco({"laco"}, "laco", verify_laco);

}  // namespace
}  // namespace bench::verify
