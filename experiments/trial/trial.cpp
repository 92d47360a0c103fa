#include "trial/trial.h"

#include <optional>
#include <set>
#include <utility>

#include "base/reason.h"
#include "data/calibration.h"
#include "data/data.h"
#include "fleet/launcher.h"
#include "models/checkpoint.h"
#include "models/described.h"
#include "tensor/device.h"
#include "trial/identity.h"
#include "trial/residency.h"
#include "trial/stages.h"

namespace bench {
namespace {

/// `name: none` where a part may be absent.
bool is_none(const Value& part) {
  const Value* name = part.find("name");
  return part.is_null() || (name && name->is_string() && name->string() == "none");
}

template <class T>
void complete_plugin(Value& config, const std::string& part, std::vector<std::string>& mistakes) {
  Value* given = config.find(part);
  *given = Registry<T>::instance().complete(*given, part, mistakes);
}

void complete_tasks(Value& config, std::vector<std::string>& mistakes) {
  for (auto& [label, task, kind] : config.find("task")->map()) {
    const Value* name = task.find("name");
    const Value* protocol =
        name && name->is_string() ? config.find("protocol")->find(name->string()) : nullptr;
    if (protocol && !task.find("protocol")) task.set("protocol", *protocol);
    task = Registry<Task>::instance().complete(task, "task." + label, mistakes);
  }
}

/// Runs a check; what it throws becomes a mistake.
template <class F>
void note(std::vector<std::string>& mistakes, F&& check) {
  try {
    check();
  } catch (const std::exception& e) {
    mistakes.push_back(reason_of(e).text);
  }
}

/// Each update completed by its own schema; what is none is left out.
void complete_updates(Value& config, std::vector<std::string>& mistakes) {
  Value* given = config.find("update");
  const auto complete = [&](Value& one, const std::string& path) {
    if (!is_none(one)) one = Registry<Update>::instance().complete(one, path, mistakes);
  };
  if (given->is_map()) return complete(*given, "update");
  if (!given->is_list()) {
    mistakes.emplace_back("update: one map with a name, or a list of them");
    return;
  }
  for (size_t i = 0; i < given->list().size(); ++i)
    complete(given->list()[i], fmt::format("update[{}]", i));
}

/// What the family of a model says without its weights: its groups, and what goes into it.
void check_groups(const Value& config, const ModelFamily& family, const Method& method,
                  std::vector<std::string>& mistakes) {
  const auto& pattern = method.pattern;
  if (pattern.kind != Pattern::Structured) return;
  const auto& kinds = family.group_kinds;
  for (const auto& kind : pattern.groups) {
    if (std::find(kinds.begin(), kinds.end(), kind) == kinds.end())
      mistakes.push_back(fmt::format("pattern.groups: {} has no '{}' groups{}",
                                     config.find("model")->find("name")->string(), kind,
                                     suggestion(kind, kinds)));
    else if (across_blocks(kind) && method.propagation != Propagation::Dense)
      mistakes.push_back(fmt::format(
          "pattern.groups: '{}' groups span several blocks; they need propagation=dense", kind));
  }
}

/// A path with the times of its files: what was found of them holds as long as it is the same.
std::string state_of(const std::filesystem::path& path) {
  auto key = path.string();
  for (const auto& f : files_of_model(path))
    key += fmt::format("|{}", std::filesystem::last_write_time(f).time_since_epoch().count());
  return key;
}

/// What is wrong with a checkpoint is found once for all trials of a plan.
void check_files(const std::filesystem::path& path) {
  static std::map<std::string, std::string> known;  // state of the files -> mistake
  const auto key = state_of(path);
  auto found = known.find(key);
  if (found == known.end()) {
    std::string why;
    try {
      check_checkpoint(path);
    } catch (const std::exception& e) {
      why = reason_of(e).text;
    }
    found = known.emplace(key, why).first;
  }
  if (!found->second.empty()) fail("{}", found->second);
}

void check_model(const Value& config, std::vector<std::string>& mistakes) {
  note(mistakes, [&] {
    const auto path = model_path(config);
    const auto name = config.find("model")->find("name")->string();
    const auto& family = model_family(model_type_of(path), path.string());
    const auto input = family.encoder ? Input::Any : family.images ? Input::Images : Input::Text;
    check_files(path);
    if (!is_dense(config)) {
      const auto method = method_from(config);
      check_groups(config, family, method, mistakes);
      for (auto& m : method.mistakes(input, name)) mistakes.push_back(std::move(m));
    }
    for (const auto& [label, task] : tasks_from(config))
      note(mistakes, [&, &l = label, &t = *task] {
        const auto kind = config.find("task")->find(l)->find("name")->string();
        check(t.accepts(), fmt::format("task.{}: {}", l, kind), input, name);
      });
    for (const std::string part : {"before", "after"})
      for (const auto& [label, stage] : stages_from(config, part))
        note(mistakes, [&, &l = label, &s = *stage] {
          check(s.accepts(), fmt::format("stage {}.{}", part, l), input, name);
        });
  });
}

/// Workers are started once for all jobs: of the launcher's keys only the time limit may differ.
std::string launcher_text(const TrialPlan& plan) {
  auto launcher = *plan.config.find("launcher");
  launcher.erase("time_limit");
  return to_json(launcher);
}

}  // namespace

bool is_dense(const Value& config) {
  const Value* pattern = config.find("pattern");
  const Value* kind = pattern ? pattern->find("kind") : nullptr;
  if (kind && kind->is_string() && kind->string() == "nm") return false;
  const Value* s = config.find("sparsity");
  return s && s->is_float() && std::get<double>(s->data) == 0;
}

std::filesystem::path model_path(const Value& config) {
  const Value& m = *config.find("model");
  const Value* path = m.find("path");
  const auto name = path && path->is_string() && !path->string().empty() ? path->string()
                                                                         : m.find("name")->string();
  return resolve_model(name, model_folders());
}

std::vector<Value> updates_of(const Value& config) {
  const Value& given = *config.find("update");
  std::vector<Value> all;
  for (const auto& one : given.is_list() ? given.list() : Value::List{given})
    if (!is_none(one)) all.push_back(one);
  return all;
}

Method method_from(const Value& config) {
  Method how;
  const auto name = [](const Value& part, const char* kind) {
    return fmt::format("{} {}", kind, part.find("name")->string());
  };
  const Value &criterion = *config.find("criterion"), &allocator = *config.find("allocator");
  how.criterion = {Registry<Criterion>::instance().make(criterion, "criterion"),
                   name(criterion, "criterion")};
  how.allocator = {Registry<Allocator>::instance().make(allocator, "allocator"),
                   name(allocator, "allocator")};
  for (const auto& u : updates_of(config))
    how.updates.emplace_back(Registry<Update>::instance().make(u, "update"), name(u, "update"));
  how.pattern = Pattern::from(Config(*config.find("pattern"), "pattern"));
  const auto walk = config.find("propagation")->string();
  how.propagation = walk == "dense"        ? Propagation::Dense
                    : walk == "per_linear" ? Propagation::PerLinear
                                           : Propagation::SequentialBlock;
  return how;
}

std::vector<std::pair<std::string, std::unique_ptr<Task>>> tasks_from(const Value& config) {
  std::vector<std::pair<std::string, std::unique_ptr<Task>>> all;
  for (const auto& [label, task, line] : config.find("task")->map())
    all.emplace_back(label, Registry<Task>::instance().make(task, "task." + label));
  return all;
}

namespace {

/// A trial that no residency can bring into memory is refused, where it would run on this machine's
/// processors. Found once for all trials that differ in nothing that matters here.
void check_memory(const Value& config) {
  if (config.find("launcher")->find("kind")->string() != "local") return;
  if (!open_device(config.find("device")->string()).is_cpu()) return;
  const auto& model = *config.find("model");
  const auto path = model_path(config);
  std::optional<Method> method;
  if (!is_dense(config)) method = method_from(config);
  const auto& dtype = model.find("dtype")->string();
  auto key = state_of(path) + "|" + dtype;
  if (method) {
    key += "|" + config.find("propagation")->string() + to_json(*config.find("pattern"));
    for (const auto& n : method->needs()) key += "|" + n.key;
  }
  static std::map<std::string, std::string> known;  // what it depends on -> mistake
  auto found = known.find(key);
  if (found == known.end()) {
    const auto demand =
        least_demand(path, compute_type_at(path, dtype), method ? &*method : nullptr);
    std::string why;
    try {
      check_room(demand, model.find("name")->string(), free_memory());
    } catch (const Error& e) {
      why = e.what();
    }
    found = known.emplace(key, why).first;
  }
  if (!found->second.empty()) fail("{}", found->second);
}

}  // namespace

TrialPlan plan_trial(const Value& job, std::vector<std::string>& mistakes) {
  const auto before = mistakes.size();
  TrialPlan plan;
  plan.config = trial_schema().complete(job, "", mistakes);
  auto& c = plan.config;
  for (const char* part : {"model", "criterion", "allocator", "update", "pattern", "data", "task",
                           "protocol", "launcher"})
    if (!c.find(part)) return plan;  // of the wrong type, or missing: said already
  const auto fill = [&](const char* part, Value fallback) {
    if (c.find(part)->is_null()) c.set(part, std::move(fallback));
  };
  fill("criterion", Value(Value::Map{{"name", "magnitude"}}));
  fill("allocator", Value(Value::Map{{"name", "uniform"}}));
  fill("update", Value(Value::Map{{"name", "none"}}));
  fill("pattern", Value(Value::Map{}));
  fill("data", Value(Value::Map{}));
  complete_plugin<Criterion>(c, "criterion", mistakes);
  complete_plugin<Allocator>(c, "allocator", mistakes);
  complete_updates(c, mistakes);
  *c.find("model") = model_schema().complete(*c.find("model"), "model", mistakes);
  *c.find("pattern") = Pattern::schema().complete(*c.find("pattern"), "pattern", mistakes);
  *c.find("data") = calibration_schema().complete(*c.find("data"), "data", mistakes);
  *c.find("protocol") = protocol_schema().complete(*c.find("protocol"), "protocol", mistakes);
  *c.find("launcher") = complete_launcher(*c.find("launcher"), mistakes);
  complete_tasks(c, mistakes);
  complete_stages(c, mistakes);
  if (c.find("task")->map().empty()) mistakes.emplace_back("task: name at least one task");
  if (mistakes.size() > before) return plan;
  check_model(c, mistakes);
  note(mistakes, [&] { open_device(c.find("device")->string()); });
  if (mistakes.size() == before) note(mistakes, [&] { check_memory(c); });
  if (has_stages(c) || !c.find("schedule")->is_null())
    note(mistakes, [&] { check_stages(c, method_from(c)); });
  if (!is_dense(c))
    note(mistakes, [&] {
      const auto method = method_from(c);
      for (auto& m : method.mistakes())
        if (std::find(mistakes.begin(), mistakes.end(), m) == mistakes.end())
          mistakes.push_back(std::move(m));
      note(mistakes, [&] { check_required_stage(c, method); });
      if (method.measures() || stages_calibrate(c))
        check_calibration(Config(*c.find("data"), "data"));
      if (c.find("shrink")->data == Value(true).data && method.pattern.kind != Pattern::Structured)
        fail("shrink: only a structured pattern removes whole units");
    });
  note(mistakes, [&] {
    for (const auto& [label, task] : tasks_from(c)) task->check();
  });
  if (mistakes.size() == before) note(mistakes, [&] { plan.spec = spec_of(c); });
  return plan;
}

Planned plan_jobs(std::vector<Job> jobs) {
  Planned planned;
  std::set<std::string> ids, said;
  std::string launcher;
  if (jobs.empty())
    planned.mistakes.emplace_back(
        "the sweep has no trial: one of its keys has no value, as glob() that finds no "
        "configuration of a group");
  for (auto& job : jobs) {
    std::vector<std::string> mistakes;
    auto plan = plan_trial(std::exchange(job.config, {}), mistakes);
    for (auto& m : mistakes)
      if (said.insert(m).second) planned.mistakes.push_back(std::move(m));
    if (!mistakes.empty()) continue;
    if (launcher.empty()) launcher = launcher_text(plan);
    if (launcher != launcher_text(plan)) {
      if (said.insert("launcher").second)
        planned.mistakes.push_back(
            fmt::format("launcher: a sweep has one, but its jobs say {} and {}", launcher,
                        launcher_text(plan)));
      continue;
    }
    if (!ids.insert(plan.spec.id).second) {
      ++planned.duplicates;
      continue;
    }
    for (const auto& [label, task, line] : plan.config.find("task")->map())
      plan.tasks.push_back(label);
    if (!planned.trials.empty()) plan.config = {};
    planned.trials.push_back(std::move(plan));
  }
  return planned;
}

}  // namespace bench
