#pragma once
#include <string>
#include <vector>

#include "hydra/yaml/value.h"

namespace bench {

/// The rows of a local data file as maps: JSON lines (.jsonl), a JSON array (.json), CSV with a
/// header (.csv), and .gz of these. The first `limit`, 0 for all. A broken row is an Error with its
/// line.
std::vector<Value> read_documents_of(const std::string& file, int64_t limit);

/// A JSON text as a value; false where it is none.
bool value_from_json(const std::string& json, Value& out);

}  // namespace bench
