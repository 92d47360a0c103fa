#include "tasks/documents.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "data/data.h"
#include "formats/gzip.h"
#include "base/utf8.h"

namespace bench {
namespace {

using Json = nlohmann::ordered_json;

Value converted(const Json& j) {
  if (j.is_boolean()) return j.get<bool>();
  if (j.is_number_integer()) return j.get<int64_t>();
  if (j.is_number()) return j.get<double>();
  if (j.is_string()) return j.get<std::string>();
  if (j.is_array()) {
    Value::List list;
    for (const auto& item : j) list.push_back(converted(item));
    return list;
  }
  if (!j.is_object()) return {};
  Value::Map map;
  for (const auto& [key, item] : j.items()) map.push_back({key, converted(item)});
  return map;
}

/// One record of CSV from `at` on: fields in quotes may hold line ends and doubled quotes.
std::vector<std::string> csv_record(const std::string& text, size_t& at) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (quoted) {
      if (c != '"')
        fields.back() += c;
      else if (at + 1 < text.size() && text[at + 1] == '"')
        fields.back() += text[++at];
      else
        quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == ',') {
      fields.emplace_back();
    } else if (c == '\n') {
      ++at;
      break;
    } else if (c != '\r') {
      fields.back() += c;
    }
  }
  return fields;
}

std::vector<Value> from_csv(const std::string& file, const std::string& text, int64_t limit) {
  std::vector<Value> all;
  size_t at = 0;
  const auto header = csv_record(text, at);
  while (at < text.size() && (!limit || static_cast<int64_t>(all.size()) < limit)) {
    const auto fields = csv_record(text, at);
    if (fields.size() == 1 && fields[0].empty()) continue;
    if (fields.size() != header.size())
      fail("{}: record {} has {} fields, the header {}", file, all.size() + 1, fields.size(),
           header.size());
    Value::Map row;
    for (size_t i = 0; i < fields.size(); ++i) row.push_back({header[i], fields[i]});
    all.emplace_back(std::move(row));
  }
  return all;
}

std::vector<Value> from_lines(const std::string& file, const std::string& text, int64_t limit) {
  std::vector<Value> all;
  size_t line = 0;
  for (size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    const auto row = text.substr(at, end - at);
    at = end + 1;
    ++line;
    if (row.find_first_not_of(" \t\r") == std::string::npos) continue;
    if (limit && static_cast<int64_t>(all.size()) == limit) break;
    Value v;
    if (!value_from_json(row, v) || !v.is_map()) fail("{}:{}: is no JSON object", file, line);
    all.push_back(std::move(v));
  }
  return all;
}

std::vector<Value> from_array(const std::string& file, const std::string& text, int64_t limit) {
  Value whole;
  if (!value_from_json(text, whole) || !whole.is_list())
    fail("{}: is no JSON array of documents", file);
  auto& list = whole.list();
  if (limit && static_cast<int64_t>(list.size()) > limit)
    list.erase(list.begin() + limit, list.end());
  for (const auto& row : list)
    if (!row.is_map()) fail("{}: holds something that is no JSON object", file);
  return std::move(list);
}

}  // namespace

bool value_from_json(const std::string& text, Value& out) {
  // The depth is bounded: converting is recursive.
  int depth = 0;
  bool deep = false;
  const auto watch = [&](int d, Json::parse_event_t, Json&) {
    depth = std::max(depth, d);
    deep = depth > 100;
    return !deep;
  };
  if (text::invalid_utf8(text) != std::string_view::npos) return false;
  const auto json = Json::parse(text, watch, /*allow_exceptions=*/false);
  if (json.is_discarded() || deep) return false;
  out = converted(json);
  return true;
}

std::vector<Value> read_documents_of(const std::string& name, int64_t limit) {
  const auto file = data_file(name);
  auto kind = file;
  const bool packed = kind.extension() == ".gz";
  if (packed) kind.replace_extension();
  const auto text = packed ? read_gzip(file) : read_file(file);
  if (const auto bad = text::invalid_utf8(text); bad != std::string::npos)
    fail("{}: is not valid UTF-8 at byte {}; convert it to UTF-8", file.string(), bad);
  std::vector<Value> all;
  if (kind.extension() == ".jsonl")
    all = from_lines(file.string(), text, limit);
  else if (kind.extension() == ".json")
    all = from_array(file.string(), text, limit);
  else if (kind.extension() == ".csv")
    all = from_csv(file.string(), text, limit);
  else
    fail("{}: documents are read from .jsonl, .json and .csv files, and .gz of these",
         file.string());
  if (all.empty()) fail("{}: holds no document", file.string());
  return all;
}

}  // namespace bench
