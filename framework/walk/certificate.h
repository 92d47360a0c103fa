#pragma once
#include <string>
#include <vector>

#include "walk/pruner.h"

namespace bench {

/// What a stage must leave behind, checked and kept: each later stage is held against it. Masks are
/// handles, so that a certificate costs no memory.
struct Certificate {
  std::string stage;  // prune, update, shrink, recovery, export, reload
  struct Of {
    std::string layer;  // weight name
    int64_t block, total, masked, zeros;
    Tensor mask;           // as layer.mask; undefined: the layer is dense
    bool factors = false;  // beside the masked weight; their sum, which files hold, is dense
  };
  std::vector<Of> layers;
  std::string mask_hash;

  int64_t total() const;
  int64_t masked() const;
  /// "prune: 35 layers, 100000 of 200000 weights (50.00 %) masked"
  std::string text() const;
};

/// Checks every layer of the model as it stands: all weights outside its mask are exactly zero, and
/// under an n:m pattern every whole group of m inputs keeps at most n, in the mask and in the
/// weights. With `before`, the certificate of an earlier stage: what was gone there is still gone,
/// in mask and weights (a stage that changes shapes, as shrink does, is not compared).
/// A broken mask is an Error that names layer, place and stage.
Certificate certify(Model& model, const Pattern& pattern, const std::string& stage,
                    const Certificate* before = nullptr);

/// The same for weights that know no masks: a model that was read again, or what an export wrote.
/// Layers are found by name; one that is missing or has another shape is an Error.
void certify_weights(Model& model, const Pattern& pattern, const Certificate& before,
                     const std::string& stage);

/// One layer with the mask that it is going to have: what prune() checks while it walks.
/// `weights`: whether the weights must already obey it.
void certify_layer(const Layer& layer, const Tensor& mask, const Pattern& pattern, bool weights,
                   const std::string& stage);

/// How much of what a pattern can remove is gone, and by how much whole rows, layers or units may
/// miss the target: shares of the same total.
struct Reached {
  double asked = 0, measured = 0, step = 0;
  bool at_most = false;  // rounding keeps more, never less: above the target there is no step
};
/// Before shrink(), which takes the removed out of every total. contest: what weights competed
/// against.
Reached reached(Model& model, const Pattern& pattern, Contest contest, double target,
                const std::vector<Removed>& removed);
/// The same of a budget of macs, acts or params; `data` gives the size of an input.
Reached reached_budget(Model& model, const Pattern& pattern, double target,
                       const std::vector<Removed>& removed, const Batch& data);

}  // namespace bench
