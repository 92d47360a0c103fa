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

Batch Task::probe(const TaskContext& context) const {
  constexpr size_t kTokens = 32;
  constexpr int64_t kItems = 8;  // the first may be left out
  Sequence ids;
  requests(context, kItems, [&](const SentRequest& r) {
    if (ids.empty() && r.left_out.empty())
      ids.assign(r.ids.begin(), r.ids.begin() + long(std::min(kTokens, r.ids.size())));
  });
  return ids.empty() ? Batch() : text_batch({ids});
}

std::string data_set_of(std::string label) {
  cut(label, "first", "");
  cut(label, "", "shot");
  return label;
}

}  // namespace bench
