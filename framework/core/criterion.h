#pragma once
#include "config/registry.h"
#include "core/accepts.h"
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

/// What a criterion takes, and what it asks for where the pattern leaves it to the method.
struct Ranks : Accepts {
  Contest contest = Contest::Layer;     // against what a weight competes
  std::string selection = "threshold";  // its authors' rule (`tie: reference`), a Selection's name
  Value selection_settings = Value(Value::Map{});
  std::string stage = {};  // one without which its scores mean nothing, in `before`
};

/// Says how much each weight of a layer, or each unit of a group, matters. Higher is kept.
class Criterion {
 public:
  virtual ~Criterion() = default;
  virtual Ranks accepts() const { return {}; }
  /// Statistics that score() and units() read. Data-free criteria need none.
  virtual Needs needs() const { return {}; }
  /// [out, end - begin], float32. A criterion of units alone (accepts().weights and .nm false) has
  /// none; units() must then be its own.
  virtual Tensor score(const View& view, const Stats& stats) const;
  /// [units] of a structured pattern. By default the sum of the element scores of all members.
  virtual Tensor units(const Group& group, const Stats& stats) const;
};

/// |row sums| or |column sums| of a member's element scores, as the channels of its group.
Tensor member_channels(const Group& group, const Slice& slice, const Tensor& element_scores);

/// What a follower (a norm's scale, an embedding) holds for each channel of its group: elementwise
/// values summed over everything else, float64.
Tensor follower_channels(const Follower& follower, const Tensor& values);

/// Reduces stacked members [members, channels] over members, then sums each unit's channels ->
/// [units]. how: sum, mean, max, prod, first, second.
Tensor reduce_members(const Group& group, const std::vector<Tensor>& members,
                      const std::string& how);

}  // namespace bench
