#include "trial/stages.h"

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/digest.h"
#include "config/registry.h"
#include "walk/schedule.h"
#include "data/data.h"
#include "trial/trial.h"

namespace bench {
namespace {

constexpr const char* kParts[] = {"before", "after"};

const Value::Map& stages_of(const Value& config, const std::string& part) {
  static const Value none{Value::Map{}};
  const Value* given = config.find(part);
  return given && given->is_map() ? given->map() : none.map();
}

}  // namespace

void complete_stages(Value& config, std::vector<std::string>& mistakes) {
  for (const std::string part : kParts) {
    Value* given = config.find(part);
    if (!given || !given->is_map()) continue;
    for (auto& [label, stage, line] : given->map())
      stage = Registry<Stage>::instance().complete(stage, part + "." + label, mistakes);
  }
  if (Value* s = config.find("schedule"); s && s->is_map())
    *s = schedule_schema().complete(*s, "schedule", mistakes);
}

Stages stages_from(const Value& config, const std::string& part) {
  Stages all;
  for (const auto& [label, stage, line] : stages_of(config, part))
    all.emplace_back(label, Registry<Stage>::instance().make(stage, part + "." + label));
  return all;
}

bool has_stages(const Value& config) {
  return !stages_of(config, "before").empty() || !stages_of(config, "after").empty();
}

void check_stages(const Value& config, const Method& method) {
  for (const std::string part : kParts)
    for (const auto& [label, stage] : stages_from(config, part)) {
      check(stage->accepts(), fmt::format("stage {}.{}", part, label), method.pattern);
      stage->check(method);
    }
  if (method.pattern.kind == Pattern::NM && targets_of(config).size() > 1)
    fail("schedule: an n:m pattern removes the same share at once; leave out `schedule`");
}

bool stages_calibrate(const Value& config) {
  for (const std::string part : kParts)
    for (const auto& [label, stage] : stages_from(config, part))
      if (stage->calibrates()) return true;
  return false;
}

void check_required_stage(const Value& config, const Method& method) {
  const auto wanted = method.criterion->accepts().stage;
  if (wanted.empty()) return;
  for (const auto& [label, stage, line] : stages_of(config, "before"))
    if (const Value* name = stage.find("name"); name && name->string() == wanted) return;
  fail("{}: its scores need the stage {} before the pruning; add +stage@before.turn={}",
       method.criterion.name, wanted, wanted);
}

void add_stage_identity(const Value& config, Value& identity) {
  for (const std::string part : kParts) {
    Value all{Value::Map{}};
    for (const auto& [label, stage, line] : stages_of(config, part)) {
      auto canonical = Registry<Stage>::instance().canonical(stage);
      const auto made = Registry<Stage>::instance().make(stage, label);
      Value bytes{Value::Map{}};
      for (const auto& file : made->files()) bytes.set(file, data_digest(file));
      if (!bytes.map().empty()) canonical.set("bytes", bytes);
      all.set(label, canonical);
    }
    if (!all.map().empty()) identity.set(part, all);
  }
  if (const Value* s = config.find("schedule"); s && s->is_map()) {
    const auto canonical = schedule_schema().canonical(*s);
    if (!canonical.map().empty()) identity.set("schedule", canonical);
  }
}

std::string stage_labels(const Value& config) {
  std::string all;
  const auto targets = is_dense(config) ? 1 : targets_of(config).size();
  if (targets > 1)
    all = fmt::format("{}{}", config.find("schedule")->find("kind")->string(), targets);
  for (const std::string part : kParts)
    for (const auto& [label, stage, line] : stages_of(config, part))
      all += (all.empty() ? "" : "+") + label;
  return all;
}

std::vector<double> targets_of(const Value& config) {
  const double target = std::get<double>(config.find("sparsity")->data);
  const Value* s = config.find("schedule");
  if (!s || !s->is_map()) return {target};
  return schedule_targets(s->find("kind")->string(), std::get<int64_t>(s->find("steps")->data),
                          target);
}

std::string state_file(const Value& config, const std::string& part, size_t round,
                       const std::string& label) {
  const char* given = std::getenv("BENCH_STATE");
  const std::filesystem::path folder = given && *given ? given : "out/state";
  auto of = config;
  of.erase("launcher");
  const auto key = sha256_hex(to_json(of)).substr(0, 16);
  return (folder / fmt::format("{}-{}-{}-{}.safetensors", key, part, round, label)).string();
}

void run_stages(const Value& config, const std::string& part, size_t round, StageContext context,
                Outcome& out,
                const std::function<void(const std::string& label, int64_t, int64_t)>& progress) {
  for (const auto& [label, stage] : stages_from(config, part)) {
    nlohmann::ordered_json figures = nlohmann::ordered_json::object();
    context.state_file = state_file(config, part, round, label);
    context.progress = [&, &name = label](int64_t done, int64_t of) {
      if (progress) progress(name, done, of);
    };
    context.record = [&](const std::string& name, double value, const std::string& unit) {
      figures[name] = {{"value", value}, {"unit", unit}};
    };
    stage->apply(context);
    if (!figures.empty())
      out.notes.emplace_back(fmt::format("{} {} {}", part, label, round), figures.dump());
  }
}

}  // namespace bench
