#pragma once
#include <string>
#include <vector>

namespace bench {

/// "a,b,c" -> its parts, empty ones too; of an empty text one empty part.
inline std::vector<std::string> split_list(const std::string& list) {
  std::vector<std::string> parts(1);
  for (const char c : list) {
    if (c == ',')
      parts.emplace_back();
    else
      parts.back() += c;
  }
  return parts;
}

}  // namespace bench
