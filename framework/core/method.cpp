#include <set>

#include "core/pruner.h"

namespace bench {

void Method::check() const {
  criterion->check(pattern);
  allocator->check(pattern);
  if (update) update->check(pattern);
  const std::set<std::string> kinds(pattern.groups.begin(), pattern.groups.end());
  if (pattern.depth() && kinds.size() > 1 && kinds != std::set<std::string>{"attention", "mlp"})
    fail(
        "pattern.groups: a block or sublayer goes as a whole; use [block], [attention], [mlp] or "
        "[attention, mlp], without other kinds");
  if (pattern.kind == Pattern::Structured && propagation == Propagation::PerLinear)
    fail(
        "propagation per_linear: a structured pattern removes slices of several layers at once; "
        "use "
        "sequential_block or dense");
}

Needs Method::needs() const {
  auto all = criterion->needs();
  if (update)
    for (auto& n : update->needs()) all.push_back(std::move(n));
  return all;
}

}  // namespace bench
