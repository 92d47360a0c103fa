#pragma once
#include <string>
#include <vector>

#include "hydra/yaml/value.h"

namespace bench {

/// The rows of a local data file as maps: JSON, one object a line or one list of objects (.jsonl,
/// .json), CSV with a header (.csv), and .gz of these. Columns have one type each, as in the tables
/// of Hugging Face's datasets (csv_table.h; in JSON a key that a row lacks is null, and whole
/// numbers beside floats are floats). The first `limit`, 0 for all. A broken row is an Error with
/// its line.
std::vector<Value> read_documents_of(const std::string& file, int64_t limit);

}  // namespace bench
