#pragma once
#include <deque>
#include <string>
#include <vector>

#include "base/error.h"
#include "hydra/interpolation/interpolation.h"

namespace bench {

/// A node and where it hangs: relative keys and cycles are questions about its parents.
struct Place {
  const Value* node = nullptr;
  std::vector<const Value*> parents;  // from the root to the container of the node
  std::vector<std::string> names;     // names[i] leads from parents[i] downwards
  bool final = false;  // made by a resolver: a text in it is no interpolation any more

  Place child(const Value* value, std::string name) const;
};

/// The position a key means in a list of that size (-1: the last), nothing beyond it; an Error if
/// the key is no integer.
std::optional<size_t> list_index(const std::string& key, size_t size);
/// A path that leads through a value that holds nothing, or above the root.
struct NoPath : Error {
  using Error::Error;
};

/// As in a Python dict: 1, 1.0 and true are one key; an old key keeps its place.
void put_like_python(Value::Map& map, Value::Entry entry);

/// Evaluates interpolations of one configuration on access (OmegaConf base.py, basecontainer.py).
class Resolver {
 public:
  Resolver(const Value& root, const ResolveContext& context) : root_(root), context_(context) {}

  Place root() const { return {&root_, {}, {}, false}; }
  /// The node behind an interpolation, or the node itself.
  Place follow(const Place& place);
  /// A copy without interpolations.
  Value copy(const Place& place);

  enum class OnMissing { Throw, Return };
  /// Walks from a container; the node is null if the path leads nowhere.
  Place find(const Place& from, const std::string& key, OnMissing on_missing);

 private:
  struct Active;

  Place evaluate(const Expression& e, const Place& at);
  Place key_reference(const Expression& e, const Place& at);
  Place relative(const Place& at, const std::string& key, OnMissing on_missing);
  Place call(const Expression& e, const Place& at);
  Place decode(const Value& text, const Place& at);
  Place select_or(const std::vector<Place>& arguments, const Place& at);
  Place deprecated(const std::vector<Place>& arguments, const Place& at);
  Place override_dirname();
  Place dict_part(const std::string& resolver, const Place& argument, const Place& at);
  Value env(const std::vector<Place>& arguments) const;
  Value now(const Value& format);
  Place one(const Place& container, const std::string& key, OnMissing on_missing);

  std::string text_of(const Expression& e, const Place& at);
  std::string name_of(const Expression& e, const Place& at, size_t count, const char* what);
  Place made(Value value, const Place& at);
  void spend(size_t steps);

  const Value& root_;
  const ResolveContext& context_;
  std::deque<Value> made_;            // values of resolvers; Places point into it
  std::vector<const Value*> active_;  // interpolations being evaluated
  std::time_t now_ = 0;
  size_t spent_ = 0;
};

}  // namespace bench
