#pragma once
#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace bench {

/// A file name that all values read from the file share: copying a configuration copies no names.
class FileName {
 public:
  FileName() = default;
  FileName(std::string text);                                  // NOLINT: converts on purpose
  FileName(const char* text) : FileName(std::string(text)) {}  // NOLINT: likewise
  const std::string& text() const;
  operator const std::string&() const { return text(); }  // NOLINT: likewise
  bool empty() const { return !text_; }
  friend std::string operator+(const FileName& a, const char* b) { return a.text() + b; }

 private:
  const std::string* text_ = nullptr;  // in a table that only grows
};

/// Where a value was written, for messages: a file (or "command line") and a line, 0 if unknown.
struct Origin {
  FileName file;
  int line = 0;
};

/// One node of a configuration: null, bool, int, float, string, list, or an ordered map.
/// A plain value with no behaviour of its own; YAML, overrides and interpolation all speak it.
struct Value {
  struct Entry;
  using List = std::vector<Value>;
  using Map = std::vector<Entry>;  // insertion order is kept, as users wrote it
  using Data = std::variant<std::monostate, bool, int64_t, double, std::string, List, Map>;

  Value() = default;
  Value(bool b);         // NOLINT: values convert on purpose
  Value(int i);          // NOLINT
  Value(int64_t i);      // NOLINT
  Value(double d);       // NOLINT
  Value(const char* s);  // NOLINT
  Value(std::string s);  // NOLINT
  Value(List list);      // NOLINT
  Value(Map map);        // NOLINT

  bool is_null() const { return std::holds_alternative<std::monostate>(data); }
  bool is_bool() const { return std::holds_alternative<bool>(data); }
  bool is_int() const { return std::holds_alternative<int64_t>(data); }
  bool is_float() const { return std::holds_alternative<double>(data); }
  bool is_string() const { return std::holds_alternative<std::string>(data); }
  bool is_list() const { return std::holds_alternative<List>(data); }
  bool is_map() const { return std::holds_alternative<Map>(data); }
  const std::string& string() const { return std::get<std::string>(data); }
  const List& list() const { return std::get<List>(data); }
  const Map& map() const { return std::get<Map>(data); }
  List& list() { return std::get<List>(data); }
  Map& map() { return std::get<Map>(data); }

  /// The entry of that key in a map, null if this is no map or has none.
  const Value* find(const std::string& key) const;
  Value* find(const std::string& key);
  /// Sets or appends a key; turns a null into a map.
  void set(const std::string& key, Value value);
  void erase(const std::string& key);

  bool operator==(const Value& other) const;  // by content; the origin does not count

  Data data;
  Origin origin;
};

struct Value::Entry {
  /// YAML allows `1: x`, `1.5: x` and `yes: x`; such a key is another one than '1'. `key` is its
  /// text; find() and set() know text keys only. Null keys exist in ${oc.create:{null: 1}} alone.
  enum class Kind : uint8_t { Text, Int, Float, Bool, Null };

  std::string key;
  Value value;
  Kind kind = Kind::Text;
  bool operator==(const Entry& other) const = default;
};

// Defined where Entry is complete: a constructor needs to know how to destroy a Map.
inline Value::Value(bool b) : data(b) {}
inline Value::Value(int i) : data(static_cast<int64_t>(i)) {}
inline Value::Value(int64_t i) : data(i) {}
inline Value::Value(double d) : data(d) {}
inline Value::Value(const char* s) : data(std::string(s)) {}
inline Value::Value(std::string s) : data(std::move(s)) {}
inline Value::Value(List list) : data(std::move(list)) {}
inline Value::Value(Map map) : data(std::move(map)) {}

/// "null", "bool", "int", "float", "string", "list", "map".
std::string type_name(const Value& value);

/// What stands in front of a message about the value: "FILE:LINE: ", "FILE: ", or "" if it is not
/// known.
std::string where(const Value& value);

/// As Python prints it: 1.0, 1e-05, inf; the text of floats in mixed strings and job overrides.
std::string python_float(double value);

/// One-line JSON: keys in order, floats in their shortest form that reads back equal (1.0 stays
/// "1.0"), nan/inf as strings. This text is what trial ids digest, so its form is frozen.
std::string to_json(const Value& value);

}  // namespace bench

template <>
struct fmt::formatter<bench::FileName> : fmt::formatter<std::string_view> {
  auto format(const bench::FileName& name, fmt::format_context& context) const
      -> decltype(context.out()) {
    return fmt::formatter<std::string_view>::format(name.text(), context);
  }
};
