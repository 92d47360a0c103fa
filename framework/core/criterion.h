#pragma once
#include "config/registry.h"
#include "core/pattern.h"
#include "core/statistic.h"

namespace bench {

/// What a criterion scores: columns [begin, end) of a layer, with the weights as they stand. A
/// whole layer, or a slab of it while an update walks from left to right.
struct View {
  const Layer& layer;
  Tensor weight;  // [out, end - begin]
  int64_t begin, end;

  explicit View(const Layer& l) : layer(l), weight(l.matrix()), begin(0), end(l.columns()) {}
  View(const Layer& l, Tensor w, int64_t from, int64_t to)
      : layer(l), weight(std::move(w)), begin(from), end(to) {}
  /// The part of a per-column statistic that belongs to this view.
  Tensor columns(const Tensor& per_column) const { return per_column.slice(0, begin, end); }
};

/// Says how much each weight of a layer, or each unit of a group, matters. Higher is kept.
class Criterion {
 public:
  virtual ~Criterion() = default;
  /// Throws Error if it cannot rank what the pattern removes; called while a sweep is planned.
  virtual void check(const Pattern& /*pattern*/) const {}
  /// What a weight competes against where the pattern leaves it to the method.
  virtual Contest contest() const { return Contest::Layer; }
  /// Statistics that score() and units() read. Data-free criteria need none.
  virtual Needs needs() const { return {}; }
  /// Brings the model into the form whose units are scored (SliceGPT turns the residual stream),
  /// once, before anything is measured. By default nothing.
  virtual void prepare(Model& /*model*/, Calibration& /*data*/, const Pattern& /*pattern*/,
                       double /*target*/) const {}
  /// [out, end - begin], float32.
  virtual Tensor score(const View& view, const Stats& stats) const = 0;
  /// [units] of a structured pattern. By default the sum of the element scores of all members.
  virtual Tensor units(const Group& group, const Stats& stats) const;
  /// The authors' own mask rule (`tie: reference`) of one layer or slab. By default: a threshold
  /// with
  /// <= per layer, a stable sort per row.
  virtual Tensor reference_mask(const Tensor& score, Contest contest, double ratio) const;
  /// The authors' own choice of units (`tie: reference`), bool [units]. By default removed_units()
  /// of the lowest.
  virtual Tensor reference_units(const Group& group, const Tensor& score, double ratio) const;
};

/// |row sums| or |column sums| of a member's element scores, as the channels of its group.
Tensor member_channels(const Group& group, const Slice& slice, const Tensor& element_scores);

/// Reduces stacked members [members, channels] over members, then sums each unit's channels ->
/// [units]. how: sum, mean, max, prod, first, second.
Tensor reduce_members(const Group& group, const std::vector<Tensor>& members,
                      const std::string& how);

}  // namespace bench
