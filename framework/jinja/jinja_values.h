#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "hydra/yaml/value.h"

namespace bench::text::jinja {

/// A name, key or position that is not there: what `default` and `is defined` catch.
struct Undefined : Error {
  using Error::Error;
};

/// What a rendering may still spend. Every value that is made or copied costs by its size, so
/// nothing can hang or fill the memory.
class Budget {
 public:
  void spend(size_t cost);
  void spend(const Value& value);

 private:
  size_t left_ = 20'000'000;
};

/// Positional and keyword arguments of a call, a filter or a test.
struct Arguments {
  std::vector<Value> values;
  std::map<std::string, Value> named;

  /// The argument at that position or of that name; null if it is not there.
  const Value* find(size_t position, const std::string& name) const;
  std::string string(size_t position, const std::string& name, const std::string& fallback) const;
  int64_t integer(size_t position, const std::string& name, int64_t fallback) const;
};

// Python's behaviour of values; a wrong type is an Error in its words.

bool truth(const Value& v);
bool equal(const Value& a, const Value& b);  // 1 == 1.0 == True
bool less(const Value& a, const Value& b);
bool contains(const Value& container, const Value& item);
std::string to_text(const Value& v);
std::optional<double> number(const Value& v);
int64_t integer(const Value& v, const char* what);
const std::string& text_of(const Value& v, const char* what);
/// len(): characters of a string, entries of a list or map.
int64_t length(const Value& v);
/// What a for loop sees: characters, items, keys.
Value::List iterate(const Value& v);
Value binary(const std::string& op, const Value& a, const Value& b, Budget& budget);
Value negate(const Value& v);
/// owner[key]; an Undefined if it is not there.
Value at(const Value& owner, const Value& key);
Value slice(const Value& owner, const Value& begin, const Value& end, const Value& step);

/// owner.name(arguments) of str, list and dict.
Value call_method(const Value& owner, const std::string& name, const Arguments& arguments,
                  Budget& budget);
bool is_method_of_map(const std::string& name);
/// operand | name(arguments).
Value apply_filter(const std::string& name, const Value& operand, const Arguments& arguments,
                   Budget& budget);
/// operand is name(arguments).
bool apply_test(const std::string& name, const Value& operand, const Arguments& arguments);

}  // namespace bench::text::jinja
