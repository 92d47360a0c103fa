#include "walk/certificate.h"

#include <map>

#include "base/error.h"
#include "core/residency.h"
#include "measure/cost.h"
#include "walk/sparsity.h"

namespace bench {
namespace {

/// The first true entry of a [rows, columns] matrix.
std::pair<int64_t, int64_t> first_place(const Tensor& where) {
  const auto at = where.flatten().to(at::kByte).argmax().item<int64_t>();
  return {at / where.size(1), at % where.size(1)};
}

int64_t count(const Tensor& where) {
  return where.sum().item<int64_t>();
}

/// Entries outside the mask that are not zero; NaN is not zero.
void check_support(const std::string& name, const Tensor& matrix, const Tensor& mask,
                   const std::string& stage) {
  const auto outside = matrix.ne(0).logical_and_(~mask);
  const auto n = count(outside);
  if (n == 0) return;
  const auto [row, column] = first_place(outside);
  fail("{}, after {}: {} weight{} outside the mask {} not zero (the first: row {}, column {}, {})",
       name, stage, n, n == 1 ? "" : "s", n == 1 ? "is" : "are", row, column,
       matrix[row][column].item<double>());
}

/// Whole groups only: a tail shorter than m belongs to none.
void check_nm(const std::string& name, const Tensor& kept, const Pattern& pattern,
              const std::string& what, const std::string& stage) {
  const auto whole = kept.size(1) / pattern.of * pattern.of;
  if (whole == 0) return;
  const auto broken =
      kept.slice(1, 0, whole).reshape({kept.size(0), -1, pattern.of}).sum(2) > pattern.keep;
  const auto n = count(broken);
  if (n == 0) return;
  const auto [row, group] = first_place(broken);
  fail("{}, after {}: {} group{} of {} {} more than {} {} (the first: row {}, columns {} to {})",
       name, stage, n, n == 1 ? "" : "s", pattern.of, n == 1 ? "keeps" : "keep", pattern.keep, what,
       row, group * pattern.of, (group + 1) * pattern.of - 1);
}

/// What was gone stays gone.
void check_grown(const std::string& name, const Tensor& mask, const Certificate::Of& before,
                 const std::string& from, const std::string& stage) {
  if (!before.mask.defined()) return;
  if (!mask.defined()) fail("{}, after {}: the mask of the stage {} is lost", name, stage, from);
  if (mask.sizes() != before.mask.sizes()) return;
  const auto grown = mask.logical_and(~before.mask.to(mask.device()));
  const auto n = count(grown);
  if (n == 0) return;
  const auto [row, column] = first_place(grown);
  fail("{}, after {}: {} weight{} that {} had removed {} back (the first: row {}, column {})", name,
       stage, n, n == 1 ? "" : "s", from, n == 1 ? "is" : "are", row, column);
}

const Certificate::Of* find(const Certificate& all, const std::string& layer) {
  for (const auto& l : all.layers)
    if (l.layer == layer) return &l;
  return nullptr;
}

}  // namespace

int64_t Certificate::total() const {
  int64_t n = 0;
  for (const auto& l : layers) n += l.total;
  return n;
}

int64_t Certificate::masked() const {
  int64_t n = 0;
  for (const auto& l : layers) n += l.masked;
  return n;
}

std::string Certificate::text() const {
  const auto share =
      total() ? 100 * static_cast<double>(masked()) / static_cast<double>(total()) : 0;
  return fmt::format("{}: {} layers, {} of {} weights ({:.2f} %) masked", stage, layers.size(),
                     masked(), total(), share);
}

void certify_layer(const Layer& layer, const Tensor& mask, const Pattern& pattern, bool weights,
                   const std::string& stage) {
  const auto name = layer.weight_name();
  if (mask.scalar_type() != at::kBool || mask.sizes() != layer.flat().sizes())
    fail("{}, after {}: the mask has not the shape of the weights", name, stage);
  if (pattern.kind == Pattern::NM) check_nm(name, mask, pattern, "in the mask", stage);
  if (!weights) return;
  check_support(name, layer.flat(), mask, stage);
}

Certificate certify(Model& model, const Pattern& pattern, const std::string& stage,
                    const Certificate* before) {
  at::NoGradGuard no_grad;
  Certificate c;
  c.stage = stage;
  for (int64_t b = 0; b < model.block_count(); ++b)
    for (const Layer* l : model.layers(b)) {
      const auto name = l->weight_name();
      const auto matrix = l->flat();
      if (l->mask.defined())
        certify_layer(*l, l->mask, pattern, true, stage);
      else if (pattern.kind == Pattern::NM)
        fail("{}, after {}: has no mask, so that {}:{} does not hold", name, stage, pattern.keep,
             pattern.of);
      if (before)
        if (const auto* was = find(*before, name))
          check_grown(name, l->mask, *was, before->stage, stage);
      c.layers.push_back({name, b, l->weight.numel(), l->mask.defined() ? count(~l->mask) : 0,
                          count(matrix.eq(0)), l->mask, l->low_rank.u.defined()});
      rest(*l);
    }
  c.mask_hash = mask_hash(model);
  return c;
}

void certify_weights(Model& model, const Pattern& pattern, const Certificate& before,
                     const std::string& stage) {
  at::NoGradGuard no_grad;
  std::map<std::string, const Layer*> layers;
  for (const Layer* l : model.layers()) layers[l->weight_name()] = l;
  for (const auto& was : before.layers) {
    const auto it = layers.find(was.layer);
    if (it == layers.end()) fail("{}, after {}: the layer is gone", was.layer, stage);
    const auto matrix = it->second->flat();
    if (matrix.numel() != was.total)
      fail("{}, after {}: has {} weights; after {} it had {}", was.layer, stage, matrix.numel(),
           before.stage, was.total);
    if (!was.mask.defined() || was.factors) continue;
    check_support(was.layer, matrix, was.mask.to(matrix.device()), stage);
    if (pattern.kind == Pattern::NM) check_nm(was.layer, matrix.ne(0), pattern, "weights", stage);
  }
}

namespace {

Reached reached_units(const Pattern& pattern, Model& model, double target,
                      const std::vector<Removed>& removed) {
  double total = 0, gone = 0, one_each = 0;
  for (const auto& g : prunable_groups(model, pattern)) {
    const auto each = static_cast<double>(g.weights_per_unit());
    total += each * static_cast<double>(g.units);
    one_each += each;
  }
  for (const auto& r : removed)
    gone += static_cast<double>(r.group.weights_per_unit()) * static_cast<double>(count(~r.keep));
  if (total == 0) return {target, 0, 0};
  return {target, gone / total, one_each / total};
}

}  // namespace

Reached reached(Model& model, const Pattern& pattern, Contest contest, double target,
                const std::vector<Removed>& removed) {
  if (pattern.kind == Pattern::Structured) return reached_units(pattern, model, target, removed);
  const bool nm = pattern.kind == Pattern::NM;
  const double asked = nm ? pattern.fixed_share() : target;
  double total = 0, gone = 0, slack = 0;
  for (const Layer* l : prunable(model, pattern)) {
    const auto rows = static_cast<double>(l->rows());
    total += static_cast<double>(l->weight.numel());
    if (l->mask.defined()) gone += static_cast<double>(count(~l->mask));
    rest(l->mask);
    // Counts are rounded down in each contest; what a short last group keeps is rounded up.
    slack += nm ? (l->columns() % pattern.of == 0 ? 0 : rows) : contest == Contest::Row ? rows : 1;
  }
  if (total == 0) return {asked, 0, 0};
  return {asked, gone / total, slack / total, nm};
}

Reached reached_budget(Model& model, const Pattern& pattern, double target,
                       const std::vector<Removed>& removed, const Batch& data) {
  const auto positions = output_positions(model, data);
  std::vector<Group> groups;
  std::vector<int64_t> gone;
  for (const auto& r : removed) {
    groups.push_back(r.group);
    gone.push_back(count(~r.keep));
  }
  const auto amount = [&](const std::vector<int64_t>& units) {
    return cost_in(cost_without(model, positions, groups, units), pattern.budget);
  };
  const double full = amount(std::vector<int64_t>(groups.size(), 0)), left = amount(gone);
  double step = 0;  // one unit more of every group: an allocator may give each its floor
  for (size_t i = 0; i < groups.size(); ++i)
    if (gone[i] + 1 < groups[i].units) {
      auto more = gone;
      ++more[i];
      step += left - amount(more);
    }
  return {target, 1 - left / full, step / full};
}

}  // namespace bench
