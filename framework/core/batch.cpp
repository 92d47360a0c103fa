#include "core/batch.h"

#include <algorithm>

namespace bench {

int64_t Batch::count() const {
  return is_text() ? segments() : images.size(0);
}

std::vector<int64_t> Batch::line(int64_t segment) const {
  std::vector<int64_t> up{segment};
  while (!parent.empty() && parent[static_cast<size_t>(up.back())] >= 0)
    up.push_back(parent[static_cast<size_t>(up.back())]);
  std::reverse(up.begin(), up.end());
  return up;
}

Batch Batch::to(const at::Device& device) const {
  Batch there = *this;
  for (Tensor* t : {&there.ids, &there.types, &there.positions, &there.images, &there.labels})
    if (t->defined()) *t = t->to(device);
  return there;
}

Batch text_batch(const std::vector<Sequence>& sequences) {
  std::vector<int64_t> ids, positions;
  Batch batch;
  batch.starts.push_back(0);
  for (const auto& s : sequences) {
    ids.insert(ids.end(), s.begin(), s.end());
    for (size_t i = 0; i < s.size(); ++i) positions.push_back(static_cast<int64_t>(i));
    batch.starts.push_back(static_cast<int64_t>(ids.size()));
  }
  batch.ids = at::tensor(ids, at::kLong);
  batch.positions = at::tensor(positions, at::kLong);
  return batch;
}

std::vector<Batch> samples(const std::vector<Batch>& batches) {
  std::vector<Batch> all;
  for (const auto& b : split(batches)) {
    for (int64_t i = 0; i < (b.is_text() ? 1 : b.count()); ++i) {
      all.push_back(b);
      if (b.is_text()) continue;
      all.back().images = b.images.narrow(0, i, 1);
      all.back().labels = b.labels.narrow(0, i, 1);
    }
  }
  return all;
}

std::vector<Batch> split(const std::vector<Batch>& batches) {
  std::vector<Batch> all;
  for (const auto& b : batches) {
    if (!b.is_text()) {
      all.push_back(b);
      continue;
    }
    for (int64_t s = 0; s < b.segments(); ++s) {
      const auto begin = b.starts[static_cast<size_t>(s)];
      const auto length = b.starts[static_cast<size_t>(s) + 1] - begin;
      Batch one;
      one.ids = b.ids.narrow(0, begin, length);
      one.positions = b.positions.narrow(0, begin, length);
      one.starts = {0, length};
      if (b.types.defined()) one.types = b.types.narrow(0, begin, length);
      if (b.labels.defined()) one.labels = b.labels.narrow(0, s, 1);
      all.push_back(std::move(one));
    }
  }
  return all;
}

int64_t predictions(const Batch& batch) {
  if (!batch.is_text()) return batch.images.size(0);
  int64_t total = 0;
  for (size_t s = 0; s + 1 < batch.starts.size(); ++s)
    total += std::max<int64_t>(0, batch.starts[s + 1] - batch.starts[s] - 1);
  return total;
}

std::vector<Batch> text_batches(const std::vector<Sequence>& sequences, int64_t tokens) {
  std::vector<Batch> batches;
  std::vector<Sequence> run;
  int64_t held = 0;
  for (const auto& s : sequences) {
    const auto more = static_cast<int64_t>(s.size());
    if (!run.empty() && held + more > tokens) {
      batches.push_back(text_batch(run));
      run.clear();
      held = 0;
    }
    run.push_back(s);
    held += more;
  }
  if (!run.empty()) batches.push_back(text_batch(run));
  return batches;
}

}  // namespace bench
