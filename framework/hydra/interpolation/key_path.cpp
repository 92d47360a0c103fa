#include <string_view>

#include "hydra/interpolation/interpolation.h"

namespace bench {

std::vector<std::string> split_key(const std::string& path) {
  // OmegaConf _key_path.py: a part after '.' ends at '.' or '['; a part in brackets ends at ']'; an
  // unclosed bracket is dropped with what follows; other text after ']' is skipped.
  std::vector<std::string> keys;
  size_t at = path.find_first_not_of('.');  // leading dots: the caller's business
  at = at == std::string::npos ? path.size() : at;
  for (size_t i = 0; i < at; ++i) keys.emplace_back();
  const auto read = [&](const char* ends) {
    std::string key;
    while (at < path.size() && std::string_view(ends).find(path[at]) == std::string_view::npos) {
      const bool escape = path[at] == '\\' && at + 1 < path.size() &&
                          std::string_view(".[]=").find(path[at + 1]) != std::string_view::npos;
      if (escape) ++at;
      key += path[at++];
    }
    return key;
  };
  if (at == path.size() || path[at] != '[') keys.push_back(read(".["));
  while (at < path.size()) {
    const bool bracket = path[at] == '[';
    if (!bracket && path[at] != '.') {
      ++at;
      continue;
    }
    ++at;
    auto key = read(bracket ? "]" : ".[");
    if (bracket && at == path.size()) break;
    if (bracket) ++at;
    keys.push_back(std::move(key));
  }
  return keys;
}

}  // namespace bench
