#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "config/schema.h"
#include "hydra/yaml/value.h"

namespace bench {

/// A read-only, completed map that knows its own path: what a plugin's constructor is handed.
/// Every key was declared in a Schema, so get() of a declared key cannot fail for a user's mistake.
class Config {
 public:
  Config() : value_(Value::Map{}) {}
  explicit Config(Value map, std::string path = "")
      : value_(std::move(map)), path_(std::move(path)) {}

  /// Is the key there, and not null?
  bool has(const std::string& key) const;
  /// T: bool, int64_t, double, std::string, or a std::vector of the last three.
  template <class T>
  T get(const std::string& key) const;
  Config at(const std::string& key) const;
  const Value& value() const { return value_; }
  const std::string& path() const { return path_; }

 private:
  const Value& read(const std::string& key) const;
  Value value_;
  std::string path_;
};

}  // namespace bench
