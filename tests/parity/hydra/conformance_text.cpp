// Records about single documents: YAML types, interpolations, merging.
#include <algorithm>

#include "base/error.h"
#include "parity/hydra/conformance_cases.h"
#include "hydra/compose/merge.h"
#include "hydra/yaml/yaml.h"

namespace bench::conformance {
namespace {

std::string kind_of(const Value& value) {
  if (value.is_string()) return "str";
  if (value.is_map()) return "dict";
  return type_name(value);
}

Outcome compare(const Value& found, const Record& wanted, const char* what) {
  if (same(found, to_value(wanted))) return passed();
  return failed(fmt::format("{}: expected {}, got {}", what, wanted.dump(), to_json(found)));
}

Outcome should_have_failed(const Record& record, const Value& value) {
  return failed(fmt::format("should fail with '{}', gave {}", text_of(record, "error_contains"),
                            to_json(value)));
}

/// The records were read with OmegaConf's throw_on_missing.
bool has_missing(const Value& value) {
  if (value.is_string()) return value.string() == "???";
  if (value.is_list()) return std::any_of(value.list().begin(), value.list().end(), has_missing);
  return value.is_map() && std::any_of(value.map().begin(), value.map().end(),
                                       [](const auto& entry) { return has_missing(entry.value); });
}

/// What is printed must read back equal; our own print, and the recorded one.
Outcome check_dump(const Value& value, const std::string& recorded) {
  const auto again = load_yaml(to_yaml(value), "dump");
  if (!same(again, value)) return failed("its dump reads back as " + to_json(again));
  if (!recorded.empty() && to_yaml(value) != recorded)
    return failed("the dump differs:\n" + to_yaml(value) + "expected:\n" + recorded);
  return passed();
}

}  // namespace

Outcome run_yaml(const Record& record) {
  const bool whole = record.contains("doc");
  auto value = load_yaml(whole ? text_of(record, "doc") : "v: " + text_of(record, "text"), "case");
  if (!whole) {
    const Value* v = value.find("v");
    value = v ? *v : Value();
  }
  if (!record["ok"]) return should_have_failed(record, value);
  if (kind_of(value) != text_of(record, "type"))
    return failed("expected type " + text_of(record, "type") + ", got " + kind_of(value));
  auto outcome = compare(value, record["value"], "value");
  if (outcome.state != Outcome::State::Passed || whole) return outcome;
  return check_dump(Value(Value::Map{{"v", value}}), text_of(record, "dump"));
}

Outcome run_interpolation(const Record& record) {
  const auto root = load_yaml(text_of(record, "yaml"), "case");
  const auto found = select(root, text_of(record, "select"), context_of(record));
  using State = Selected::State;
  if (found.state == State::Found && has_missing(found.value) && !record["ok"])
    return text_of(record, "error_kind") == "missing" ? passed()
                                                      : should_have_failed(record, found.value);
  if (record["ok"])
    return found.state == State::Found ? compare(found.value, record["value"], "value")
                                       : failed("not found");
  const auto kind = text_of(record, "error_kind");
  const bool as_wanted = (kind == "not_found" && found.state == State::Absent) ||
                         (kind == "missing" && found.state == State::Missing);
  return as_wanted ? passed() : should_have_failed(record, found.value);
}

Outcome run_merge(const Record& record) {
  const auto context = context_of(record);
  Value root;
  bool first = true;
  for (const auto& doc : record["docs"]) {
    auto value = load_yaml(doc.get<std::string>(), "case");
    if (first)
      root = std::move(value);
    else
      merge_into(root, value, {record.value("struct", false), record.value("readonly", false)});
    first = false;
  }
  if (record.contains("updates"))
    for (const auto& one : record["updates"])
      update(
          root, text_of(one, "key"), to_value(one["value"]),
          {record.value("struct", false), one.value("force_add", false), one.value("merge", true)},
          context);
  if (!record["ok"]) return should_have_failed(record, root);
  auto outcome = compare(root, record["value"], "value");
  if (outcome.state != Outcome::State::Passed) return outcome;
  if (record.contains("resolve_error_contains")) {
    const auto wanted = text_of(record, "resolve_error_contains");
    try {
      return should_have_failed(record, resolve(root, context));
    } catch (const Error& e) {
      if (std::string(e.what()).find(wanted) == std::string::npos) return failed(e.what());
    }
  } else if (record.contains("resolved")) {
    outcome = compare(resolve(root, context), record["resolved"], "resolved");
    if (outcome.state != Outcome::State::Passed) return outcome;
  }
  return check_dump(root, text_of(record, "yaml"));
}

}  // namespace bench::conformance
