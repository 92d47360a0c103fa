#include "core/method.h"

#include <set>

namespace bench {

void Method::check() const {
  criterion->check(pattern);
  allocator->check(pattern);
  if (update) update->check(pattern);
  const std::set<std::string> kinds(pattern.groups.begin(), pattern.groups.end());
  if (pattern.depth() && kinds.size() > 1 && kinds != std::set<std::string>{"attention", "mlp"})
    fail(
        "pattern.groups: a block or sublayer goes as a whole; without other kinds use [block], "
        "[attention], [mlp] or [attention, mlp]");
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

std::vector<Group> prunable_groups(Model& model, const Pattern& pattern) {
  std::vector<Group> all;
  for (const auto& kind : pattern.groups)
    for (auto& g : model.groups(kind))
      if (g.block >= pattern.exempt_first && g.last < model.block_count() - pattern.exempt_last)
        all.push_back(std::move(g));
  for (auto& g : all)
    for (auto& f : g.followers)
      if (pattern.remake && f.made) f.kind = Follower::Remade;
  if (all.empty())
    fail(
        "pattern: no group is left to prune: {} blocks, of which the first {} and the last {} are "
        "exempt",
        model.block_count(), pattern.exempt_first, pattern.exempt_last);
  return all;
}

double removable_target(Model& model, const Pattern& pattern, double target) {
  if (pattern.kind != Pattern::Structured || !pattern.of_parameters) return target;
  double parameters = 0, removable = 0;
  for (const auto& t : model.tensors())
    if (t.parameter && t.tensor->defined()) parameters += static_cast<double>(t.tensor->numel());
  for (const auto& g : prunable_groups(model, pattern)) {
    auto unit = g.weights_per_unit();
    for (const auto& s : g.slices)
      if (s.dim == Slice::Out && s.layer->bias.defined()) unit += s.width * s.stretches;
    removable += static_cast<double>(unit * g.units);
  }
  const double share = target * parameters / removable;
  if (share >= 1)
    fail("pattern: {:.1f} % of the parameters are asked to go, but its groups hold {:.1f} %",
         100 * target, 100 * removable / parameters);
  return share;
}

}  // namespace bench
