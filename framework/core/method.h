#pragma once
#include "core/allocator.h"
#include "core/criterion.h"
#include "core/update.h"

namespace bench {

/// Which activations the statistics of a block are taken from (criteria.md 0.5).
enum class Propagation {
  Dense,            // the dense model everywhere
  SequentialBlock,  // inputs from pruned blocks before it, the block itself still dense
  PerLinear         // and inside a block, each layer sees the layers before it pruned
};

/// One way to prune: everything but the model, the data and the target.
struct Method {
  /// A part with the name under which sentences call it: "criterion wanda".
  template <class T>
  struct Named {
    Named() = default;
    Named(std::unique_ptr<T> p, std::string n = "this method")
        : part(std::move(p)), name(std::move(n)) {}
    const T* operator->() const { return part.get(); }
    const T& operator*() const { return *part; }
    std::unique_ptr<T> part;
    std::string name;
  };
  Named<Criterion> criterion;
  Named<Allocator> allocator;
  std::vector<Named<Update>> updates;  // in their order; none: weights are only masked
  Pattern pattern;
  Propagation propagation = Propagation::SequentialBlock;

  /// Every combination that cannot work, a sentence each; needs no model.
  std::vector<std::string> mistakes() const;
  /// What the model adds to that: its input, and groups that span blocks.
  std::vector<std::string> mistakes(Input input, const std::string& model) const;
  /// Throws the first of them.
  void check() const;
  /// Whether anything is measured on calibration data.
  bool measures() const {
    return !needs().empty() || !allocator->needs().empty() || allocator->runs() || of_blocks();
  }
  /// Whether an update repairs whole blocks.
  bool of_blocks() const;
  /// Whether counts and n:m are left as the authors' code of a part leaves them.
  bool leaves_pattern() const;
  /// Of the criterion and the updates.
  Needs needs() const;
  /// Against what a weight competes: the pattern's word, or the criterion's own.
  Contest contest() const;
  /// How scores become masks: exact counts, or the criterion's authors' rule (`tie: reference`).
  std::unique_ptr<Selection> selection() const;
};

/// A plugin by its name in the registry, with default settings unless others are given.
template <class T>
Method::Named<T> named(const std::string& kind, const std::string& name,
                       Value settings = Value(Value::Map{})) {
  return {Registry<T>::instance().create(name, std::move(settings)), kind + " " + name};
}

/// The units of one group that stay: what shrink() needs.
struct Removed {
  Group group;
  Tensor keep;  // bool [units]
};

/// Groups that a pattern reaches: of its kinds, outside the exempt blocks.
std::vector<Group> prunable_groups(Model& model, const Pattern& pattern);

/// The share of what a pattern may remove that a target asks for: the target itself, or where it is
/// a share of the model's parameters, that share of them.
double removable_target(Model& model, const Pattern& pattern, double target);

}  // namespace bench
