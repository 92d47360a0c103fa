#pragma once
#include <optional>

#include "core/method.h"
#include "parity/verify.h"

namespace bench::verify {

/// What of this project a recorded method is.
struct Recipe {
  struct Step {
    std::string name;
    Value::Map settings = {};
  };
  Step criterion;
  std::vector<Step> updates = {};
  Step allocator{"uniform"};
  Contest contest = Contest::Method;
};

/// Nothing where it is not built with the record's options.
using MakeRecipe = std::optional<Recipe> (*)(const Json& record);

/// A replay registers itself under the record's names of its method.
struct RecordedAs {
  RecordedAs(std::initializer_list<const char*> methods, MakeRecipe make);
};

std::optional<Recipe> recipe_of(const Json& record);
/// The recipe with the pattern and the ties of the record's authors.
Method method_of(const Json& record, bool reference_ties);
/// The share of the weights that goes.
double target_of(const Json& record);

/// "parameters", empty where there are none.
Json parameters(const Json& record);
/// The criterion after the last '_' of the method's name, SparseGPT with its repair.
Recipe ranked_by(const Json& record);
Value number(const Json& parameters, const char* key, double otherwise);
Value whole(const Json& parameters, const char* key, int64_t otherwise);

}  // namespace bench::verify
