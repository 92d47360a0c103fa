#pragma once
#include <string>
#include <vector>

#include "config/schema.h"

namespace bench {

/// A schema and where its keys stand: "" at the top, "data", "criterion.wanda" for the keys that
/// `criterion` has where its name is wanda.
struct Declared {
  std::string path;
  std::string doc;  // one sentence
  Schema schema;
};

/// What `bench explain` prints: the keys named `key`, below it, or ending in it; all if it is
/// empty. format: text, json (a list of objects) or markdown (without a key: docs/reference.md). An
/// unknown key is an Error with the near ones.
std::string explain(const std::vector<Declared>& parts, const std::string& key,
                    const std::string& format);

}  // namespace bench
