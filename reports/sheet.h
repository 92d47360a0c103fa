#pragma once
#include <string>
#include <vector>

namespace bench {

/// Rows of equal length, the first one the head. right: which columns hold numbers.
struct Sheet {
  std::vector<std::vector<std::string>> rows;
  std::vector<bool> right;
};

/// For a terminal: every field printable(), columns lined up.
std::string sheet_text(const Sheet& sheet);
std::string sheet_markdown(const Sheet& sheet);
/// With CRLF (RFC 4180).
std::string sheet_csv(const Sheet& sheet);

}  // namespace bench
