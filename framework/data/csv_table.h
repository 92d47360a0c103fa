#pragma once
#include <string>
#include <vector>

#include "hydra/yaml/value.h"

namespace bench {

/// The rows of a CSV text with a header, as pandas.read_csv (which Hugging Face's datasets call)
/// reads them: a column is of whole numbers, else of floats, else of booleans where every field
/// that is no NA reads as one, else of text; an NA is null, and makes whole numbers floats. Quoted
/// fields may hold commas, line ends and doubled quotes; a record that is short ends in nulls. A
/// record that is long, or a quote that never closes, is an Error with its line. The first `limit`
/// rows, 0 for all; types are those of the whole column.
std::vector<Value> csv_rows(const std::string& file, const std::string& text, int64_t limit);

}  // namespace bench
