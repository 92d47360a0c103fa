#pragma once
#include <optional>
#include <set>
#include <string>

#include "core/input.h"
#include "core/pattern.h"

namespace bench {

/// What a plugin takes, as data: `bench plan` holds it against the pattern and the model before
/// anything runs, `bench criteria --where` filters by it, and the conformance suite is made of it.
/// Allocators, updates, stages and tasks leave at its default what does not concern them.
struct Accepts {
  bool weights = true;                   // single weights
  bool nm = true;                        // n:m patterns
  std::set<std::string> units = {"*"};   // kinds of groups; "*": all of them
  Input input = Input::Any;              // of the model
  bool per_row = true;                   // weights that compete within their row
  bool exempt = true;                    // blocks left out, a target that is a share of parameters
  bool authors_ties = true;              // tie: reference
  bool depth = true;                     // units that go whole or not at all: blocks, sublayers
  /// Under tie: reference it leaves counts and n:m as its authors' code does (rows that stay dense,
  /// groups in another order of the columns); otherwise both are held.
  bool leaves_pattern = false;
  int64_t slab = 0;                      // columns worked on together: m of n:m must divide it
  std::string use = {};                  // the remedy: "pattern=channels"; empty: derived

  bool takes(const std::string& kind) const { return units.contains("*") || units.contains(kind); }
};

/// Throws an Error that says what `who` ("criterion bonsai") cannot serve, and what to use.
void check(const Accepts& accepts, const std::string& who, const Pattern& pattern);
void check(const Accepts& accepts, const std::string& who, Input model, const std::string& name);

}  // namespace bench
