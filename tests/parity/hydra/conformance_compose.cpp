// Records about whole configurations: Defaults Lists and multirun.
#include "base/error.h"
#include "hydra/compose/composer.h"
#include "parity/hydra/conformance_cases.h"
#include "hydra/compose/sweep.h"

namespace bench::conformance {
namespace {

ComposeRequest request_of(const Record& record, const std::filesystem::path& folder) {
  ComposeRequest request;
  request.root = folder / text_of(record, "config_dir");
  request.primary = text_of(record, "config_name");
  for (const auto& text : record["overrides"]) request.overrides.push_back(text.get<std::string>());
  request.multirun = text_of(record, "mode") == "multirun";
  request.allow_missing = true;
  return request;
}

Outcome should_have_failed(const Record& record, const Value& value) {
  return failed(fmt::format("should fail with '{}', gave {}", text_of(record, "error_contains"),
                            to_json(value)));
}

Outcome compare(const Value& found, const Record& wanted, const char* what) {
  if (same(found, to_value(wanted))) return passed();
  return failed(fmt::format("{}: expected {}, got {}", what, wanted.dump(), to_json(found)));
}

Value list_of(const Composition& composition) {
  Value::List list;
  for (const auto& one : composition.defaults)
    list.push_back(Value::List{one.config_path, one.package, one.is_self});
  return list;
}

Value choices_of(const Composition& composition) {
  Value map{Value::Map{}};
  for (const auto& [group, option] : composition.choices)
    map.set(group, option == "null" ? Value() : Value(option));
  return map;
}

/// As ${hydra_override_dirname:} gives it.
std::string dirname_in(const Composition& composition, const Record& record) {
  const auto context = context_of(record);
  return resolve_text(composition.config, composition.override_dirname, context).string();
}

Outcome check_resolved(const Record& record, const Composition& composition) {
  auto context = composition.context();
  context.env = context_of(record).env;
  if (record.contains("resolve_error_contains")) {
    const auto wanted = text_of(record, "resolve_error_contains");
    try {
      return should_have_failed(record, resolve(composition.config, context));
    } catch (const Error& e) {
      return std::string(e.what()).find(wanted) == std::string::npos ? failed(e.what()) : passed();
    }
  }
  if (!record.contains("resolved")) return passed();
  return compare(resolve(composition.config, context), record["resolved"], "resolved");
}

template <class Run>
Outcome with_traps(Run run) {
  try {
    return run();
  } catch (const Trap& trap) {
    return refused(fmt::format("T{}: {}", trap.number, trap.what()));
  }
}

}  // namespace

Outcome run_defaults(const Record& record, const std::filesystem::path& folder) {
  return with_traps([&]() -> Outcome {
    const auto composition = compose(request_of(record, folder));
    if (!record["ok"]) return should_have_failed(record, composition.config);
    auto outcome = compare(composition.config, record["composed"], "composed");
    if (outcome.state != Outcome::State::Passed) return outcome;
    outcome = compare(list_of(composition), record["defaults_list"], "defaults_list");
    if (outcome.state != Outcome::State::Passed) return outcome;
    outcome = compare(choices_of(composition), record["choices"], "choices");
    if (outcome.state != Outcome::State::Passed) return outcome;
    if (record.contains("override_dirname")) {
      const auto name = dirname_in(composition, record);
      if (name != text_of(record, "override_dirname"))
        return failed("override_dirname: got " + name);
    }
    return check_resolved(record, composition);
  });
}

Outcome run_multirun(const Record& record, const std::filesystem::path& folder) {
  return with_traps([&]() -> Outcome {
    Composer composer(request_of(record, folder));
    const auto plan = plan_sweep(composer);
    Value::List jobs, composed, names;
    for (const auto& job : plan.jobs) {
      Value::List texts;
      for (const auto& o : job)
        if (!is_setting(o)) texts.emplace_back(o.input);
      const auto composition = composer.compose(job, false);
      jobs.emplace_back(std::move(texts));
      composed.push_back(composition.config);
      names.emplace_back(dirname_in(composition, record));
    }
    if (!record["ok"]) return should_have_failed(record, Value(jobs));
    auto outcome = compare(Value(jobs), record["jobs"], "jobs");
    if (outcome.state != Outcome::State::Passed) return outcome;
    outcome = compare(Value(composed), record["composed"], "composed");
    if (outcome.state != Outcome::State::Passed) return outcome;
    return compare(Value(names), record["override_dirnames"], "override_dirnames");
  });
}

}  // namespace bench::conformance
