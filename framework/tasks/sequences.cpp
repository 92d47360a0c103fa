#include "tasks/sequences.h"

#include <fmt/ranges.h>

#include "base/digest.h"

namespace bench {

void cut(LabelledSequence& s, int64_t most) {
  const auto size = static_cast<size_t>(most);
  if (most <= 0 || s.ids.size() <= size) return;
  for (auto* of : {&s.ids, &s.types}) {
    (*of)[size - 1] = of->back();
    of->resize(size);
  }
}

std::vector<Batch> labelled_batches(const std::vector<LabelledSequence>& all, int64_t tokens) {
  std::vector<Batch> batches;
  std::vector<Sequence> run;
  std::vector<int64_t> types, labels;
  const auto flush = [&] {
    if (run.empty()) return;
    auto b = text_batch(run);
    b.types = at::tensor(types, at::kLong);
    b.labels = at::tensor(labels, at::kLong);
    batches.push_back(std::move(b));
    run.clear(), types.clear(), labels.clear();
  };
  for (const auto& s : all) {
    if (static_cast<int64_t>(types.size() + s.ids.size()) > tokens) flush();
    run.push_back(s.ids);
    types.insert(types.end(), s.types.begin(), s.types.end());
    labels.push_back(s.label);
  }
  flush();
  return batches;
}

std::string hash_of(const std::vector<LabelledSequence>& all) {
  Sha256 digest;
  for (const auto& s : all)
    digest.update(fmt::format("{}|{}|{}\n", fmt::join(s.ids, ","), fmt::join(s.types, ","),
                              s.label));
  return digest.hex();
}

}  // namespace bench
