#include "data/documents.h"

#include <map>
#include <memory>

#include "base/error.h"
#include "data/data.h"
#include "data/text_source.h"
#include "formats/gzip.h"
#include "jinja/json_value.h"
#include "data/csv_table.h"

namespace bench {
namespace {

constexpr JsonBudget kOneRow{};
constexpr JsonBudget kWholeArray{size_t{512} << 20, 16'000'000, 100};
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

std::vector<Value> from_lines(const std::string& file, const std::string& text) {
  std::vector<Value> all;
  size_t line = 0;
  for (size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    const auto row = std::string_view(text).substr(at, end - at);
    at = end + 1;
    ++line;
    if (row.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const auto where = fmt::format("{}:{}", file, line);
    auto v = value_of_json(row, where, kOneRow);
    if (!v.is_map()) fail("{}: is no JSON object", where);
    all.push_back(std::move(v));
  }
  return all;
}

std::vector<Value> from_array(const std::string& file, const std::string& text) {
  auto whole = value_of_json(text, file, kWholeArray);
  for (const auto& row : whole.list())
    if (!row.is_map()) fail("{}: holds something that is no JSON object", file);
  return std::move(whole.list());
}

/// What the values at one place of all rows have in common, as Arrow types a column.
struct Shape {
  bool whole = false, real = false;
  std::vector<std::string> keys;  // of objects, in the order in which they were first seen
  std::map<std::string, Shape> fields;
  std::unique_ptr<Shape> element;  // of lists

  void see(const Value& v) {
    whole = whole || v.is_int();
    real = real || v.is_float();
    if (v.is_map())
      for (const auto& e : v.map()) {
        const auto [at, fresh] = fields.try_emplace(e.key);
        if (fresh) keys.push_back(e.key);
        at->second.see(e.value);
      }
    if (v.is_list() && !v.list().empty()) {
      if (!element) element = std::make_unique<Shape>();
      for (const auto& item : v.list()) element->see(item);
    }
  }
  /// Whole numbers beside floats are floats, and a key that an object lacks is null in it.
  void put_on(Value& v) const {
    if (v.is_int() && real) v = static_cast<double>(std::get<int64_t>(v.data));
    if (v.is_list() && element)
      for (auto& item : v.list()) element->put_on(item);
    if (!v.is_map()) return;
    for (auto& e : v.map()) fields.at(e.key).put_on(e.value);
    if (v.map().size() < keys.size())
      for (const auto& key : keys)
        if (!v.find(key)) v.set(key, {});
  }
};

/// Rows of JSON as a table whose columns have one type each.
void as_columns(std::vector<Value>& rows) {
  Shape shape;
  for (const auto& r : rows) shape.see(r);
  for (auto& r : rows) shape.put_on(r);
}

std::vector<Value> from_json(const std::string& file, const std::string& text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  auto rows = first != std::string::npos && text[first] == '[' ? from_array(file, text)
                                                               : from_lines(file, text);
  as_columns(rows);
  return rows;
}

}  // namespace

std::vector<Value> read_documents_of(const std::string& name, int64_t limit) {
  const auto file = data_file(name);
  auto kind = file;
  const bool packed = kind.extension() == ".gz";
  if (packed) kind.replace_extension();
  auto text = packed ? read_gzip(file) : read_file(file);
  check_utf8(file, text);
  if (text.starts_with(kByteOrderMark)) text.erase(0, kByteOrderMark.size());
  std::vector<Value> all;
  if (kind.extension() == ".jsonl" || kind.extension() == ".json")
    all = from_json(file.string(), text);
  else if (kind.extension() == ".csv")
    all = csv_rows(file.string(), text, limit);
  else
    fail("{}: documents are read from .jsonl, .json and .csv files, and .gz of these",
         file.string());
  if (limit && static_cast<int64_t>(all.size()) > limit) all.resize(static_cast<size_t>(limit));
  if (all.empty()) fail("{}: holds no document", file.string());
  return all;
}

}  // namespace bench
