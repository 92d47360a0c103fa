#pragma once
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

// JSON as Python writes it, read without trusting it: what is missing or of another kind is
// nothing.
namespace bench::foreign {

using Json = nlohmann::ordered_json;

/// Discarded where it is no JSON. NaN and Infinity, which JSON has not, come as null and as
/// strings.
Json parse(const std::string& text);
/// null where there is none.
const Json& at(const Json& object, const std::string& key);
/// "" where it is no text.
std::string text_at(const Json& object, const std::string& key);
/// A whole number that is not negative.
std::optional<int64_t> count_at(const Json& object, const std::string& key);
/// A number, a truth value as 0 or 1, null as NaN.
std::optional<double> number_of(const Json& value);

}  // namespace bench::foreign
