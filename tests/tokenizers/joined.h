#pragma once
#include "test.h"

namespace bench::test {

/// The rows of the Hugging Face data set joined by "\n\n"; a blank row is the empty string.
inline std::string joined_wikitext2() {
  const std::string raw = slurp(shared() / "data/text/wikitext2/wiki.test.raw");
  std::string text;
  for (size_t at = 0; at < raw.size();) {
    const size_t newline = raw.find('\n', at);
    const size_t end = newline == std::string::npos ? raw.size() : newline + 1;
    const std::string row = raw.substr(at, end - at);
    if (at > 0) text += "\n\n";
    if (row != " \n") text += row;
    at = end;
  }
  return text;
}

}  // namespace bench::test
