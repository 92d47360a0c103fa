// Blocks taken out: block influence and angles of ShortGPT, the greedy search of SLEB, and the
// perplexity after each removal.
#include "measure/passes.h"
#include "measure/block_influence.h"
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
  const auto& losses = notes.at("sleb.losses");
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

}  // namespace bench::verify
