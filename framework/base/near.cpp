#include "base/near.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace bench {

int edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::vector<int>> d(a.size() + 1, std::vector<int>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) d[i][0] = static_cast<int>(i);
  for (size_t j = 0; j <= b.size(); ++j) d[0][j] = static_cast<int>(j);
  for (size_t i = 1; i <= a.size(); ++i)
    for (size_t j = 1; j <= b.size(); ++j) {
      const int cost = a[i - 1] == b[j - 1] ? 0 : 1;
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + cost});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  return d[a.size()][b.size()];
}

std::vector<std::string> nearest(const std::string& wrong, const std::vector<std::string>& known,
                                 size_t most) {
  std::vector<std::pair<int, std::string>> ranked;
  for (const auto& name : known) {
    const int far = edit_distance(wrong, name);
    const bool part = wrong.size() >= 3 && name.find(wrong) != std::string::npos;
    const int limit = std::max(2, static_cast<int>(wrong.size()) / 3);
    if (part || far <= limit) ranked.emplace_back(part ? std::min(far, 1) : far, name);
  }
  std::sort(ranked.begin(), ranked.end());
  std::vector<std::string> names;
  for (const auto& [far, name] : ranked)
    if (names.size() < most) names.push_back(name);
  return names;
}

std::string suggestion(const std::string& wrong, const std::vector<std::string>& known) {
  if (known.empty()) return "";
  const auto near = nearest(wrong, known);
  if (!near.empty()) return fmt::format("; did you mean {}?", fmt::join(near, ", "));
  constexpr size_t kShown = 80;  // more than a registry of ours holds; a folder may hold thousands
  const auto shown = known.begin() + static_cast<std::ptrdiff_t>(std::min(known.size(), kShown));
  const auto more = known.size() > kShown ? fmt::format(" and {} more", known.size() - kShown) : "";
  return fmt::format("; known: {}{}", fmt::join(known.begin(), shown, ", "), more);
}

}  // namespace bench
