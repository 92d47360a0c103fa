#include "core/method.h"

#include <algorithm>
#include <set>

namespace bench {

namespace {

/// Runs a check; what it throws becomes a sentence of the list.
template <class F>
void note(std::vector<std::string>& all, F&& check) {
  try {
    check();
  } catch (const Error& e) {
    all.emplace_back(e.what());
  }
}

/// f(accepts, who) of every part.
template <class F>
void each_part(const Method& m, F&& f) {
  f(Accepts(m.criterion->accepts()), m.criterion.name);
  f(m.allocator->accepts(), m.allocator.name);
  for (const auto& u : m.updates) f(u->accepts(), u.name);
}

}  // namespace

std::vector<std::string> Method::mistakes() const {
  std::vector<std::string> all;
  const std::set<std::string> kinds(pattern.groups.begin(), pattern.groups.end());
  if (pattern.depth() && kinds.size() > 1 && kinds != std::set<std::string>{"attention", "mlp"})
    all.emplace_back(
        "pattern.groups: a block or sublayer goes as a whole; without other kinds use [block], "
        "[attention], [mlp] or [attention, mlp]");
  if (kinds.contains("head") && kinds.contains("head_dim") && pattern.budget != "weights")
    all.push_back("pattern.budget=" + pattern.budget +
                  ": heads and channels of all heads overlap, and what both cost together is not "
                  "known; use budget=weights, or one of the two kinds");
  if (pattern.kind == Pattern::Structured && propagation == Propagation::PerLinear)
    all.emplace_back(
        "propagation per_linear: a structured pattern removes slices of several layers at once; "
        "use sequential_block or dense");
  if (propagation != Propagation::SequentialBlock)
    for (const auto& u : updates)
      if (u->of_blocks())
        all.push_back(u.name +
                      ": repairs block by block, each behind the repaired ones; use "
                      "propagation=sequential_block");
  each_part(*this, [&](const Accepts& a, const std::string& who) {
    note(all, [&] { bench::check(a, who, pattern); });
  });
  return all;
}

std::vector<std::string> Method::mistakes(Input input, const std::string& model) const {
  auto all = mistakes();
  each_part(*this, [&](const Accepts& a, const std::string& who) {
    note(all, [&] { bench::check(a, who, input, model); });
  });
  return all;
}

void Method::check() const {
  const auto all = mistakes();
  if (!all.empty()) fail("{}", all.front());
}

Needs Method::needs() const {
  auto all = criterion->needs();
  for (const auto& u : updates)
    for (auto& n : u->needs()) all.push_back(std::move(n));
  return all;
}

bool Method::of_blocks() const {
  return std::any_of(updates.begin(), updates.end(), [](const auto& u) { return u->of_blocks(); });
}

bool Method::leaves_pattern() const {
  bool any = false;
  each_part(*this, [&](const Accepts& a, const std::string&) { any = any || a.leaves_pattern; });
  return pattern.reference_ties && any;
}

Contest Method::contest() const {
  return pattern.contest == Contest::Method ? criterion->accepts().contest : pattern.contest;
}

std::unique_ptr<Selection> Method::selection() const {
  const auto own = criterion->accepts();
  return pattern.reference_ties
             ? Registry<Selection>::instance().create(own.selection, own.selection_settings)
             : Registry<Selection>::instance().create(pattern.tail_removed ? "tails_removed"
                                                                           : "exact");
}

std::vector<Group> prunable_groups(Model& model, const Pattern& pattern) {
  std::vector<Group> all;
  // Units that run through others come behind them: what is cut first is met whole.
  auto kinds = pattern.groups;
  std::stable_partition(kinds.begin(), kinds.end(), [](const auto& k) { return k != "head_dim"; });
  for (const auto& kind : kinds)
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
