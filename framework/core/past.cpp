#include "core/past.h"

#include <algorithm>

namespace bench {

Past::Past(int64_t blocks, int64_t sequences)
    : all_(static_cast<size_t>(blocks),
           std::vector<std::pair<Grown, Grown>>(static_cast<size_t>(sequences))) {}

Tensor Past::Grown::append(const Tensor& more) {
  const int64_t wanted = length + more.size(0);
  if (!rows.defined() || wanted > rows.size(0)) {  // twice as many rows: a copy now and then
    auto larger = at::empty({std::max(wanted, 2 * length), more.size(1)}, more.options());
    if (length > 0) larger.narrow(0, 0, length).copy_(rows.narrow(0, 0, length));
    rows = std::move(larger);
  }
  rows.narrow(0, length, more.size(0)).copy_(more);
  length = wanted;
  return rows.narrow(0, 0, length);
}

Past::KeyValue Past::extend(int64_t block, int64_t sequence, const Tensor& k, const Tensor& v) {
  auto& [keys, values] = all_.at(static_cast<size_t>(block)).at(static_cast<size_t>(sequence));
  return {keys.append(k), values.append(v)};
}

void Past::keep(const std::vector<int64_t>& sequences) {
  for (auto& block : all_) {
    std::vector<std::pair<Grown, Grown>> kept;
    for (const auto s : sequences) kept.push_back(std::move(block.at(static_cast<size_t>(s))));
    block = std::move(kept);
  }
}

}  // namespace bench
