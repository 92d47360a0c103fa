// Records about the override grammar.
#include <algorithm>

#include "base/error.h"
#include "parity/hydra/conformance_cases.h"
#include "hydra/override/override.h"

namespace bench::conformance {
namespace {

const char* const kTypes[] = {"CHANGE", "ADD", "FORCE_ADD", "DEL", "EXTEND_LIST"};
const char* const kSweeps[] = {"CHOICE_SWEEP", "SIMPLE_CHOICE_SWEEP", "RANGE_SWEEP",
                               "INTERVAL_SWEEP", "GLOB_CHOICE_SWEEP"};

Value texts(const std::vector<std::string>& list) {
  Value::List out;
  for (const auto& text : list) out.emplace_back(text);
  return out;
}

/// The value as the records write it (their README, override_grammar.jsonl).
Value shown(const Override& o) {
  if (!o.is_sweep()) return o.plain_value();
  const Sweep& sweep = o.sweep();
  switch (sweep.kind) {
    case Sweep::Kind::Range:
      return Value::Map{{"start", sweep.start}, {"stop", sweep.stop}, {"step", sweep.step}};
    case Sweep::Kind::Interval:
      return Value::Map{{"start", sweep.start}, {"end", sweep.stop}};
    case Sweep::Kind::Glob:
      return Value::Map{{"include", texts(sweep.include)}, {"exclude", texts(sweep.exclude)}};
    default:
      break;
  }
  Value::List list;
  for (const auto& item : sweep.list) list.push_back(element_value(item));
  return list;
}

Value sorted(Value list) {
  std::sort(list.list().begin(), list.list().end(),
            [](const Value& a, const Value& b) { return to_json(a) < to_json(b); });
  return list;
}

Outcome compare(const Value& found, const Record& wanted, const char* what,
                bool any_order = false) {
  const auto expected = to_value(wanted);
  const bool equal =
      any_order && found.is_list() ? same(sorted(found), sorted(expected)) : same(found, expected);
  if (equal) return passed();
  return failed(fmt::format("{}: expected {}, got {}", what, wanted.dump(), to_json(found)));
}

Outcome check_sweep(const Record& record, const Override& o) {
  Options options = [&](const std::string&) {
    std::vector<std::string> names;
    if (record.contains("glob_options"))
      for (const auto& name : record["glob_options"]) names.push_back(name.get<std::string>());
    return names;
  };
  std::vector<std::string> lines;
  try {
    for (const auto& value : sweep_values(o.sweep(), o.key, options, 1))
      lines.push_back(o.key_text() + "=" + element_text(value));
  } catch (const Error& e) {
    // Their text is Python's: only failing matters.
    return record["sweep"].is_null() ? passed() : failed(e.what());
  }
  if (record["sweep"].is_null()) return failed("its expansion should fail");
  return compare(texts(lines), record["sweep"], "sweep", record.value("shuffle", false));
}

}  // namespace

Outcome run_override(const Record& record) {
  const auto o = parse_override(text_of(record, "input"));
  if (!record["ok"])
    return failed("should fail with '" + text_of(record, "error_contains") + "', parsed as " +
                  (o.value && !o.is_sweep() ? element_text(*o.value) : o.key_text()));
  if (o.key != text_of(record, "key")) return failed("key: got " + o.key);
  const auto package =
      record["package"].is_null() ? std::nullopt : std::optional(text_of(record, "package"));
  if (o.package != package) return failed("package: got " + o.package.value_or("(none)"));
  if (kTypes[static_cast<int>(o.type)] != text_of(record, "type"))
    return failed(std::string("type: got ") + kTypes[static_cast<int>(o.type)]);
  const std::string kind = !o.value       ? ""
                           : o.is_sweep() ? kSweeps[static_cast<int>(o.sweep().kind)]
                                          : "ELEMENT";
  if (kind != text_of(record, "value_type")) return failed("value_type: got " + kind);
  auto outcome = compare(shown(o), record["value"], "value", record.value("shuffle", false));
  if (outcome.state != Outcome::State::Passed) return outcome;
  if (record.contains("tags") && o.is_sweep()) {
    outcome =
        compare(texts({o.sweep().tags.begin(), o.sweep().tags.end()}), record["tags"], "tags");
    if (outcome.state != Outcome::State::Passed) return outcome;
  }
  if (record.contains("canonical")) {
    const auto again = o.key_text() + "=" + element_text(*o.value);
    if (again != text_of(record, "canonical")) return failed("canonical: got " + again);
  }
  return record.contains("sweep") && o.is_sweep() ? check_sweep(record, o) : passed();
}

}  // namespace bench::conformance
