#include "parity/hydra/conformance.h"

#include <algorithm>
#include <fstream>

#include "base/error.h"
#include "parity/hydra/conformance_cases.h"
#include "hydra/yaml/scalar.h"

namespace bench {
namespace conformance {

Value to_value(const Record& json) {
  if (json.is_null()) return {};
  if (json.is_boolean()) return json.get<bool>();
  if (json.is_number_integer()) return json.get<int64_t>();
  if (json.is_number_float()) return json.get<double>();
  if (json.is_string()) return json.get<std::string>();
  if (json.is_array()) {
    Value::List list;
    for (const auto& item : json) list.push_back(to_value(item));
    return list;
  }
  if (json.size() == 1 && json.contains("__float__"))
    return parse_float(json["__float__"].get<std::string>()).value();
  Value::Map map;
  if (json.size() == 1 && json.contains("__dict__")) {
    for (const auto& pair : json["__dict__"])
      map.push_back(make_entry(to_value(pair[0]), to_value(pair[1])));
    return map;
  }
  for (const auto& [key, value] : json.items()) map.push_back({key, to_value(value)});
  return map;
}

bool same(const Value& a, const Value& b) {
  if (a.data.index() != b.data.index()) return false;
  if (a.is_float()) {
    const double x = std::get<double>(a.data), y = std::get<double>(b.data);
    return x == y || (x != x && y != y);
  }
  if (a.is_list())
    return std::equal(a.list().begin(), a.list().end(), b.list().begin(), b.list().end(), same);
  if (!a.is_map()) return a.data == b.data;
  if (a.map().size() != b.map().size()) return false;
  return std::all_of(a.map().begin(), a.map().end(), [&](const Value::Entry& entry) {
    return std::any_of(b.map().begin(), b.map().end(), [&](const Value::Entry& other) {
      return other.key == entry.key && other.kind == entry.kind && same(entry.value, other.value);
    });
  });
}

ResolveContext context_of(const Record& record) {
  ResolveContext context;
  std::map<std::string, std::string> env;
  if (record.contains("env"))
    for (const auto& [key, value] : record["env"].items()) env[key] = value.get<std::string>();
  context.env = [env](const std::string& name) -> std::optional<std::string> {
    const auto it = env.find(name);
    return it == env.end() ? std::nullopt : std::optional(it->second);
  };
  return context;
}

std::string text_of(const Record& record, const char* field) {
  const auto it = record.find(field);
  return it != record.end() && it->is_string() ? it->get<std::string>() : "";
}

Outcome check_error(const Record& record, const std::string& message) {
  const auto kind = text_of(record, "error_kind");
  // The records leave the wording of ANTLR and CPython free.
  const bool free = kind == "syntax" || kind == "decode_syntax" || kind == "recursion";
  for (const char* field : {"error_contains", "hint_contains", "cause_contains"}) {
    const auto wanted = text_of(record, field);
    if (!free && message.find(wanted) == std::string::npos)
      return failed(fmt::format("the message lacks '{}': {}", wanted, message));
  }
  return passed();
}

namespace {

Outcome run(const Record& record, const std::filesystem::path& folder) {
  if (record.contains("input")) return run_override(record);
  if (record.contains("yaml") && record.contains("select")) return run_interpolation(record);
  if (record.contains("docs")) return run_merge(record);
  if (record.contains("text") || record.contains("doc")) return run_yaml(record);
  if (record.contains("config_dir"))
    return record.contains("mode") ? run_multirun(record, folder) : run_defaults(record, folder);
  return failed("a record of an unknown format; see the README of the conformance data");
}

Outcome guarded(const Record& record, const std::filesystem::path& folder) {
  try {
    return run(record, folder);
  } catch (const std::exception& e) {
    if (record.value("ok", true)) return failed(e.what());
    return check_error(record, e.what());
  }
}

CaseCount run_file(const std::filesystem::path& file, const std::filesystem::path& folder) {
  CaseCount count;
  std::ifstream in(file);
  int number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (line.empty()) continue;
    std::string id = fmt::format("line {}", number);
    Outcome outcome;
    try {
      const auto record = Record::parse(line);
      id = record.value("id", id);
      outcome = guarded(record, folder);
      if (outcome.state != Outcome::State::Passed && record.contains("quirk"))
        outcome = refused("Hydra's quirk: " + text_of(record, "quirk") + "; here: " + outcome.why);
    } catch (const nlohmann::json::exception& e) {
      outcome = failed(std::string("no JSON record: ") + e.what());
    }
    static const char* const kNames[] = {"passed", "FAILED", "refused", "skipped"};
    int* const counts[] = {&count.passed, &count.failed, &count.refused, &count.skipped};
    const auto state = static_cast<size_t>(outcome.state);
    ++*counts[state];
    if (outcome.state != Outcome::State::Passed)
      count.lines.push_back(fmt::format("{} {}: {}", id, kNames[state], outcome.why));
  }
  return count;
}

}  // namespace
}  // namespace conformance

namespace fs = std::filesystem;

bool holds_config_cases(const fs::path& folder) {
  if (!fs::is_directory(folder)) return false;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() != ".jsonl") continue;
    std::ifstream in(entry.path());
    std::string line;
    std::getline(in, line);
    const auto record = conformance::Record::parse(line, nullptr, false);
    if (!record.is_object() || !record.contains("ok")) continue;
    for (const char* field : {"input", "yaml", "docs", "text", "doc", "config_dir"})
      if (record.contains(field)) return true;
  }
  return false;
}

std::map<std::string, CaseCount> verify_config_folder(const fs::path& folder) {
  if (!fs::is_directory(folder)) fail("{}: no such folder of recorded cases", folder.string());
  std::map<std::string, CaseCount> counts;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.path().extension() == ".jsonl")
      counts[fs::relative(entry.path(), folder).string()] =
          conformance::run_file(entry.path(), folder);
  if (counts.empty()) fail("{}: holds no .jsonl file of recorded cases", folder.string());
  return counts;
}

}  // namespace bench
