#include "results/foreign_json.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "results/result.h"

namespace bench::foreign {

namespace {

/// Python writes numbers that JSON has not; they come back as null and as strings.
std::string plain_json(const std::string& text) {
  static const std::pair<std::string, std::string> kWords[] = {
      {"-Infinity", "\"-Infinity\""}, {"Infinity", "\"Infinity\""}, {"NaN", "null"}};
  std::string out;
  out.reserve(text.size());
  bool inside = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (inside) {
      out += c;
      if (c == '\\' && i + 1 < text.size()) out += text[++i];
      inside = c != '"';
      continue;
    }
    inside = c == '"';
    const auto* word = std::find_if(std::begin(kWords), std::end(kWords), [&](const auto& w) {
      return text.compare(i, w.first.size(), w.first) == 0;
    });
    if (word == std::end(kWords)) {
      out += c;
    } else {
      out += word->second;
      i += word->first.size() - 1;
    }
  }
  return out;
}

}  // namespace

Json parse(const std::string& text) {
  return Json::parse(plain_json(text), nullptr, false);
}

const Json& at(const Json& object, const std::string& key) {
  static const Json kNothing;
  if (!object.is_object()) return kNothing;
  const auto it = object.find(key);
  return it == object.end() ? kNothing : *it;
}

std::string text_at(const Json& object, const std::string& key) {
  const auto& value = at(object, key);
  return value.is_string() ? value.get<std::string>() : "";
}

/// A count that is one: nothing for all else.
std::optional<int64_t> count_at(const Json& object, const std::string& key) {
  const auto& value = at(object, key);
  if (!value.is_number()) return {};
  const auto number = value.get<double>();
  if (!(number >= 0 && number < 9e15) || number != std::floor(number)) return {};
  return static_cast<int64_t>(number);
}

std::optional<double> number_of(const Json& value) {
  if (value.is_number()) return value.get<double>();
  if (value.is_boolean()) return value.get<bool>() ? 1.0 : 0.0;
  if (value.is_null()) return kNone;
  if (value == "Infinity") return std::numeric_limits<double>::infinity();
  if (value == "-Infinity") return -std::numeric_limits<double>::infinity();
  return {};
}

}  // namespace bench::foreign
