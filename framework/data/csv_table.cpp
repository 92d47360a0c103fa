// pandas/_libs/src/parser/tokenizer.c (where records end), pandas/_libs/parsers.pyx and
// io/parsers/base_parser.py (what a column is), pandas/_libs/parsers.pyx STR_NA_VALUES.
#include "data/csv_table.h"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <optional>
#include <set>

#include "base/error.h"

namespace bench {
namespace {

using Record = std::vector<std::string>;

/// Records one by one; blank lines are none.
class Records {
 public:
  Records(const std::string& file, const std::string& text) : file_(file), text_(text) {}

  /// Empty at the end.
  Record next() {
    for (;;) {
      if (at_ >= text_.size()) return {};
      line_ = next_line_;
      auto fields = record();
      const bool blank = fields[0].find_first_not_of(" \t") == std::string::npos;
      if (fields.size() > 1 || !blank || quoted_) return fields;
    }
  }
  size_t line() const { return line_; }

 private:
  /// Behind a line end of any system.
  void end_of_line() {
    if (text_[at_] == '\r' && at_ + 1 < text_.size() && text_[at_ + 1] == '\n') ++at_;
    ++at_;
    ++next_line_;
  }

  Record record() {
    Record fields(1);
    quoted_ = false;
    bool fresh = true;  // nothing of the field was read: only here a quote opens
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '\n' || c == '\r') {
        end_of_line();
        return fields;
      }
      ++at_;
      if (c == ',') {
        fields.emplace_back();
        fresh = true;
      } else if (c == '"' && fresh) {
        quoted_ = true;
        inside(fields.back());
        fresh = false;
      } else {
        fields.back() += c;
        fresh = false;
      }
    }
    return fields;
  }

  void inside(std::string& field) {
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '\n') ++next_line_;
      if (c != '"') {
        field += c;
      } else if (at_ + 1 < text_.size() && text_[at_ + 1] == '"') {
        field += text_[++at_];
      } else {
        ++at_;
        return;
      }
    }
    fail("{}:{}: a quote is opened and never closed", file_, line_);
  }

  const std::string& file_;
  const std::string& text_;
  size_t at_ = 0, line_ = 1, next_line_ = 1;
  bool quoted_ = false;
};

bool is_na(const std::string& field) {
  static const std::set<std::string> kAll{"",         "#N/A", "#N/A N/A", "#NA",    "-1.#IND",
                                          "-1.#QNAN", "-NaN", "-nan",     "1.#IND", "1.#QNAN",
                                          "<NA>",     "N/A",  "NA",       "NULL",   "NaN",
                                          "None",     "n/a",  "nan",      "null"};
  return kAll.contains(field);
}

std::string_view trimmed(std::string_view field) {
  while (!field.empty() && (field.front() == ' ' || field.front() == '\t')) field.remove_prefix(1);
  while (!field.empty() && (field.back() == ' ' || field.back() == '\t')) field.remove_suffix(1);
  return field;
}

template <class T>
std::optional<T> number(std::string_view field) {
  field = trimmed(field);
  if (field.size() > 1 && field[0] == '+' && field[1] != '-') field.remove_prefix(1);
  T value{};
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
  if (end != field.data() + field.size() || field.empty()) return {};
  if constexpr (std::is_same_v<T, double>) {
    // from_chars reads "nan(...)" and hexadecimal digits of no other kind; pandas reads inf alone.
    if (std::isnan(value)) return {};
    if (error == std::errc::result_out_of_range)
      return std::strtod(std::string(field).c_str(), nullptr);
  }
  if (error != std::errc()) return {};
  return value;
}

std::optional<bool> truth(const std::string& field) {
  if (field == "True" || field == "TRUE" || field == "true") return true;
  if (field == "False" || field == "FALSE" || field == "false") return false;
  return {};
}

enum class Kind { Whole, Float, Bool, Text };

/// A kind that every field of the column reads as, beside the NAs.
Kind kind_of(const std::vector<Record>& records, size_t column) {
  bool whole = true, real = true, boolean = true, any = false, na = false;
  for (const auto& r : records) {
    const auto& field = column < r.size() ? r[column] : std::string();
    if (is_na(field)) {
      na = true;
      continue;
    }
    any = true;
    whole = whole && number<int64_t>(field);
    real = real && number<double>(field);
    boolean = boolean && truth(field);
  }
  if (!any) return Kind::Float;  // all null
  if (whole && !na) return Kind::Whole;
  if (real) return Kind::Float;
  return boolean ? Kind::Bool : Kind::Text;
}

Value typed(const std::string& field, Kind kind) {
  if (is_na(field)) return {};
  if (kind == Kind::Whole) return *number<int64_t>(field);
  if (kind == Kind::Float) return *number<double>(field);
  if (kind == Kind::Bool) return *truth(field);
  return field;
}

/// Names of the columns: pandas numbers what has no name or one that another has.
Record names_of(Record header) {
  std::set<std::string> used;
  for (size_t i = 0; i < header.size(); ++i) {
    if (header[i].empty()) header[i] = fmt::format("Unnamed: {}", i);
    auto name = header[i];
    for (int n = 1; !used.insert(name).second; ++n) name = fmt::format("{}.{}", header[i], n);
    header[i] = name;
  }
  return header;
}

}  // namespace

std::vector<Value> csv_rows(const std::string& file, const std::string& text, int64_t limit) {
  Records read(file, text);
  const auto names = names_of(read.next());
  std::vector<Record> records;
  for (auto r = read.next(); !r.empty(); r = read.next()) {
    if (r.size() > names.size())
      fail("{}:{}: has {} fields, the header {}", file, read.line(), r.size(), names.size());
    records.push_back(std::move(r));
  }
  std::vector<Kind> kinds;
  for (size_t c = 0; c < names.size(); ++c) kinds.push_back(kind_of(records, c));
  if (limit && static_cast<int64_t>(records.size()) > limit)
    records.resize(static_cast<size_t>(limit));
  std::vector<Value> all;
  for (const auto& r : records) {
    Value::Map row;
    for (size_t c = 0; c < names.size(); ++c)
      row.push_back({names[c], c < r.size() ? typed(r[c], kinds[c]) : Value()});
    all.emplace_back(std::move(row));
  }
  return all;
}

}  // namespace bench
