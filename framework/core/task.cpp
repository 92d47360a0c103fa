#include "core/task.h"

namespace bench {
namespace {

/// Cuts "-" + before + digits + after off the end.
bool cut(std::string& label, const std::string& before, const std::string& after) {
  const auto dash = label.rfind("-" + before);
  if (dash == std::string::npos || dash == 0 || !label.ends_with(after)) return false;
  const auto from = dash + 1 + before.size(), to = label.size() - after.size();
  if (from >= to) return false;
  for (auto i = from; i < to; ++i)
    if (label[i] < '0' || label[i] > '9') return false;
  label.erase(dash);
  return true;
}

}  // namespace

std::string data_set_of(std::string label) {
  cut(label, "first", "");
  cut(label, "", "shot");
  return label;
}

}  // namespace bench
