#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "hydra/yaml/value.h"

namespace bench {

struct Sweep;

/// A parsed piece of a value. Quotes are remembered so that the text can be written again.
struct Element {
  enum class Kind { Plain, Quoted, List, Map, Sweep };
  Kind kind = Kind::Plain;
  Value value;  // Plain: null, bool, number or text; Quoted: the text
  char quote = '\0';
  std::vector<Element> items;  // List: its elements; Map: key, value, key, value...
  std::shared_ptr<Sweep> sweep;
};

/// Several values for one key (specification 1.3).
struct Sweep {
  enum class Kind { Choice, SimpleChoice, Range, Interval, Glob };
  Kind kind = Kind::Choice;
  std::vector<Element> list;                  // Choice, SimpleChoice
  Value start, stop, step = 1;                // Range; Interval: start <= x < stop
  std::vector<std::string> include, exclude;  // Glob
  std::set<std::string> tags;
  bool shuffle = false;
};

/// One command-line override (specification 1).
struct Override {
  enum class Type { Change, Add, ForceAdd, Delete, ExtendList };
  Type type = Type::Change;
  std::string key;                     // dotted path or group
  std::optional<std::string> package;  // "" in `k@=v`
  std::optional<Element> value;        // nothing in `~key`
  std::string input;

  bool is_sweep() const { return value && value->kind == Element::Kind::Sweep; }
  const Sweep& sweep() const { return *value->sweep; }
  /// The prefix, key and package as typed: "+db@pkg".
  std::string key_text() const;
  /// The value without quotes; null for `~key`.
  Value plain_value() const;
};

Override parse_override(const std::string& input);
/// As Hydra reports it: "Error when parsing index: 0, string: ...".
std::vector<Override> parse_overrides(const std::vector<std::string>& inputs);
/// A value in the override grammar, sweeps included: `range(0,3)`, `[1,2]`, `a,b`.
Element parse_override_value(const std::string& text);

/// The element in the override grammar again: escaped, quotes kept, floats in shortest form.
std::string element_text(const Element& element);
/// The text between quotes. Backslashes count only directly before a quote of the same kind: n of
/// them there become n / 2 (overrides_visitor.py, _unescape_quoted_string).
std::string unquoted(std::string_view quoted);
Value element_value(const Element& element);
/// An element that stands for a value that was not typed but read from YAML.
Element element_of(const Value& value);
Element plain_element(Value value);
/// a,b,...
Element simple_choice(std::vector<Element> list);

/// The options of a config group, sorted; what glob() filters.
using Options = std::function<std::vector<std::string>(const std::string& group)>;
/// Every value of a sweep in order. `seed` decides the order of a shuffle.
std::vector<Element> sweep_values(const Sweep& sweep, const std::string& group,
                                  const Options& options, uint64_t seed);
inline constexpr int64_t kMaxSweepValues = 100'000;

/// Python's fnmatch, for file names: * ? [abc] [!a-z].
bool matches_glob(const std::string& text, const std::string& pattern);

/// choice(), range(), int() ...: the value of one call (override_functions.cpp).
struct NamedElement {
  std::string name;  // "" for a positional argument
  Element value;
};
Element call_function(const std::string& name, const std::vector<NamedElement>& arguments,
                      const std::string& text);
/// Numbers of a range(); for sort() and the sweep itself.
std::vector<Value> range_values(const Sweep& range);
/// sort() of a range: its first and last become the ends (override_range.cpp).
void reverse_range(Sweep& range);

}  // namespace bench
