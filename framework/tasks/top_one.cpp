#include "tasks/top_one.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace bench {

Metric top_one(const Model& model, const Batch& all, const std::string& task,
               const std::function<void(int64_t, int64_t)>& progress) {
  constexpr int64_t kAtOnce = 128;
  if (all.labels.dim() > 1)
    fail("{}: has boxes and no classes of whole images; task=shapes measures them", task);
  Metric m{"", "acc"};
  m.n = all.images.size(0);
  m.unit = "share";
  for (int64_t at = 0; at < m.n; at += kAtOnce) {
    const auto count = std::min(kAtOnce, m.n - at);
    Batch part;
    part.images = all.images.narrow(0, at, count);
    const auto logits = model.forward(part);
    if (logits.dim() != 2) fail("{}: the model gives boxes and no classes of whole images", task);
    const auto hit = logits.argmax(1).cpu() == all.labels.narrow(0, at, count);
    for (int64_t i = 0; i < count; ++i) m.items.push_back(hit[i].item<bool>() ? 1.0f : 0.0f);
    if (progress) progress(at + count, m.n);
  }
  const auto n = static_cast<double>(m.n);
  double hits = 0;
  for (const auto h : m.items) hits += h;
  m.value = hits / n;
  if (n > 1) m.stderr_ = std::sqrt(m.value * (1 - m.value) / (n - 1));
  return m;
}

}  // namespace bench
