#pragma once
#include <string>
#include <vector>

#include "core/layer.h"

namespace bench {

/// Which part of a layer belongs to unit u of a group: indices [u*width, (u+1)*width) along `dim`
/// of the layer's matrix, in each of `stretches` equal parts of that dim (GPT-2's c_attn holds all
/// queries, then all keys, then all values: 3). A unit's indices may stand for `roles` projections
/// one after another (BLOOM's q, k, v of a head: 3).
///
/// A slice need not cover its layer: it begins at `begin` (Phi-3's qkv_proj holds fewer keys than
/// queries: three slices of one layer). Of an expert's matrices one `unit` owns all.
struct Slice {
  enum Dim { Out = 0, In = 1 };
  Layer* layer = nullptr;
  Dim dim = Out;
  int64_t width = 1;
  int64_t stretches = 1;
  int64_t roles = 1;
  int64_t begin = 0;
  int64_t unit = -1;  // the only unit that it belongs to, with all of the layer; -1: all units
};

/// A tensor that is no prunable weight but runs along the units of a group. An undefined one is
/// passed over.
struct Follower {
  enum Kind {
    Plain,    // cut when shrunk: biases, running statistics, ALiBi slopes
    Affine,   // and zeroed when masked: a batch norm's scale and shift, so that a masked channel is
              // 0
    Index,    // its VALUES are unit numbers: renumbered when shrunk, -1 where the unit went
    Zeroed,   // zeroed when masked; cut with the rows of its layer
    Support,  // bool: which units are there, undefined for all of them (a norm averages over those)
    Remade,   // made anew for the units that stay, as if the model had never had others
  };
  Tensor* values = nullptr;
  Kind kind = Plain;
  int64_t width = 1;
  int64_t dim = 0;         // that runs along the units: 1 for the columns of an embedding
  std::string name = {};   // of a weight that is a member of the group and counts in its scores
  bool embedding = false;  // rows are looked up, not multiplied with
  std::function<Tensor(int64_t units)> made = {};  // the values of a model made with so many units
};

/// Whether groups of that kind may span several blocks: channels of a residual stream.
bool across_blocks(const std::string& kind);

/// Slices of layers that can only go together: unit u is one neuron, head, channel or block.
struct Group {
  std::string name;
  /// "head", "neuron", "channel", "hidden", "attention", "mlp", "block", "expert"
  std::string kind;
  int64_t block = 0;  // the first block it touches
  int64_t last = 0;   // the last one
  int64_t units = 0;
  int64_t unit_width = 1;     // channels of a unit that are scored one by one: head_dim, else 1
  std::vector<Slice> slices;  // root first: the order matters for the reductions first and second
  std::vector<Follower> followers;

  int64_t at_least = 1;  // units that stay whatever is asked: 0 where the residual stream goes on
  std::string key = {};  // of config.json that says how many units there are, if it is this group's

  int64_t channels() const { return units * unit_width; }
  /// Weights that go with one unit.
  int64_t weights_per_unit() const;
  /// The slices with the layer that writes the units (the first of dim Out) in front.
  std::vector<Slice> rooted() const;
  /// bool [units]: all their weights are masked.
  Tensor gone() const;
  /// One bool mask per slice, each of its layer's matrix shape; keep: bool [units].
  std::vector<Tensor> layer_masks(const Tensor& keep) const;
  /// A vector along a slice's dim -> one value per channel of the group [channels()]: sums the rows
  /// or columns that stand for one channel (a grouped query's heads, BLOOM's fused q, k, v, a
  /// kernel's taps).
  Tensor to_channels(const Slice& slice, const Tensor& along) const;
};

/// Removes the units for good: smaller tensors, the same function as the masked model.
void shrink(const Group& group, const Tensor& keep);
/// Puts the units into another order: unit u is then what unit order[u] was; the same function. order:
/// int64 [units]. Not for units that own layers of their own (experts).
void reorder(const Group& group, const Tensor& order);
/// Zeroes what must be zero for the masked model to equal the shrunk one (Affine followers).
void mask_followers(const Group& group, const Tensor& keep);

}  // namespace bench
