#pragma once
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "hydra/yaml/value.h"

namespace bench {

/// One configuration key, declared once, next to the code that reads it. Type checks, unknown-key
/// errors, `bench explain`, the reference page and trial ids all come from this declaration.
struct Key {
  enum class Type { Bool, Int, Float, String, Strings, Floats, Ints, Map, Any };

  std::string name;
  Type type = Type::Any;
  std::optional<Value> fallback;  // nullopt: the key must be given; null: may be absent
  std::string doc;                // one sentence
  std::vector<std::string> choices;
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  std::string unit;
  bool identity = true;  // false: changes no result (paths of output, threads), no part of ids
  bool files = false;    // what it names are files, where they exist: their bytes are part of ids

  Key& one_of(std::vector<std::string> names);
  Key& range(double lowest, double highest);
  Key& at_least(double lowest);
  Key& in(std::string its_unit);
  Key& without_identity();
  Key& names_files();
};

Key key(const std::string& name, bool fallback, const std::string& doc);
Key key(const std::string& name, int fallback, const std::string& doc);
Key key(const std::string& name, double fallback, const std::string& doc);
Key key(const std::string& name, const char* fallback, const std::string& doc);
Key key(const std::string& name, std::vector<std::string> fallback, const std::string& doc);
Key key(const std::string& name, std::vector<double> fallback, const std::string& doc);
Key key(const std::string& name, std::vector<int> fallback, const std::string& doc);
/// A key without a default of its own: required, or optional (absent reads as null).
Key required(const std::string& name, Key::Type type, const std::string& doc);
Key optional(const std::string& name, Key::Type type, const std::string& doc);

/// "list of strings"
const char* type_name(Key::Type type);

class Schema {
 public:
  Schema() = default;
  Schema(std::initializer_list<Key> keys) : keys_(keys) {}

  const std::vector<Key>& keys() const { return keys_; }
  std::vector<std::string> names() const;
  Schema operator+(const Schema& more) const;

  /// The given map with every value converted to its key's type and defaults filled in, in the
  /// order of the schema. Collects ALL mistakes (unknown key with near ones, wrong type, out of
  /// range, missing), each one sentence with file, line and dotted path.
  Value complete(const Value& given, const std::string& path,
                 std::vector<std::string>& mistakes) const;
  /// Same, throwing one Error that holds every mistake, a line each.
  Value complete(const Value& given, const std::string& path) const;
  /// What identity digests: a completed map without defaults and without keys that carry none.
  Value canonical(const Value& completed) const;
  /// The values of the keys that name files, of a completed map.
  std::vector<std::string> files(const Value& completed) const;

 private:
  std::vector<Key> keys_;
};

/// The text that an id is the digest of: JSON with the keys of every map sorted, so that neither
/// the order of declarations nor that of a file counts.
std::string identity_text(const Value& value);

}  // namespace bench
