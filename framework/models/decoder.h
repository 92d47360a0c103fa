#pragma once
#include <array>

#include "core/stream.h"
#include "models/attention.h"
#include "models/experts.h"
#include "models/rope.h"
#include "models/source.h"

namespace bench {

/// What networks of attention and MLPs along one residual stream share: an embedding, blocks, a
/// final norm, a head that may be tied. A family says once what its blocks hold; layers, groups and
/// tensors follow from that. Encoders and networks of images begin and end in their own ways.
class Decoder : public Model, public Streamed, public Routed {
 public:
  Input input() const override { return Input::Text; }
  Tensor loss(const Batch& batch) const override { return next_token_loss(*this, batch); }
  Tensor features(const Tensor& hidden, const Batch&) const override {
    return read_by_head(norm_(hidden));
  }
  Classifier classifier() const override {
    return {head_.defined() ? head_ : embed_, head_bias_, logit_cap_};
  }
  int64_t block_count() const override { return count_; }
  std::vector<Layer*> layers(int64_t block) override;
  /// Kinds "head", "neuron", "hidden" (one group: a channel of the residual stream), "expert", and
  /// of one unit each "attention", "mlp" and "block".
  std::vector<Group> groups(const std::string& kind) override;
  std::vector<Named> tensors() override;
  int64_t max_length() const override { return max_length_; }
  Stream stream() override;
  Mixture* mixture(int64_t block) override { return parts(block).experts; }

 protected:
  /// One block: its layers in order of use, its norms, and the slices of its two groups, root
  /// first.
  struct Parts {
    std::vector<Layer*> layers;
    std::vector<Norm*> norms;
    std::vector<Slice> head, neuron;
    std::vector<Follower> head_followers;
    std::vector<Named> others;  // buffers of the block
    /// The norm that only attention reads, and the one that only the MLP reads: they go with their
    /// sublayer. Null where the residual stream itself is normalised.
    Norm *attention_norm = nullptr, *mlp_norm = nullptr;
    int64_t head_units = 0;              // where the first slice of `head` does not tell
    std::vector<Slice> attention_rest;   // of attention, beside the heads
    std::vector<Tensor*> attention_own;  // tensors that only all of attention takes along
    Norm* shared_norm = nullptr;         // read by attention and MLP alike: goes with the block
    /// What reads the residual stream and what writes to it; none: as `head` and `neuron` say.
    std::vector<Layer*> readers, writers;
    Experts* experts = nullptr;  // in place of `neuron`
    int64_t head_dim = 0;        // of this block, where blocks differ; 0: head_dim_
    /// Tensors beside norms that run along the residual stream: what a branch is scaled by.
    std::vector<Follower> stream_followers;
  };
  virtual Parts parts(int64_t block) = 0;
  /// Whether a sublayer is there: one without inner channels was removed, and its block goes on
  /// with what came in.
  static bool there(const Layer& output) { return output.columns() > 0; }
  static bool mlp_there(const Parts& p) {
    return p.experts ? p.experts->any() : there(*p.neuron.back().layer);
  }
  /// Tensors beside blocks, embedding, head and final norm that run along the residual stream.
  virtual std::vector<Follower> outer_hidden() { return {}; }

  /// Embedding and head under their names. tied: what an absent tie_word_embeddings means. A head
  /// of its own beside a config that ties it is taken, and said; untied without one is an Error.
  void take_ends(Source& source, const std::string& embed, const std::string& head, bool tied);
  /// Token embeddings. An id without a row says that the tokenizer is another model's: an Error.
  Tensor embedded(const Batch& batch) const;
  /// A table of positions has an end: a longer sequence is an Error.
  void check_positions(const Batch& batch) const;
  /// The residual stream beside a block's attention (0) or MLP (1): x, or through the edge of a
  /// turned stream.
  Tensor stay(const Tensor& x, int64_t block, size_t sublayer) const {
    if (edges_.empty()) return x;
    const auto& edge = edges_[static_cast<size_t>(block)][sublayer];
    return edge.defined() ? linear_rows(x, edge, {}) : x;
  }
  /// The head of a turned stream has a column more where the norm before it had a shift.
  Tensor read_by_head(const Tensor& x) const {
    const bool shift = head_.defined() && head_.size(1) == x.size(1) + 1;
    return shift ? at::cat({x, at::ones({x.size(0), 1}, x.options())}, 1) : x;
  }
  /// Why the residual stream cannot be turned, where it cannot.
  virtual std::string fixed_stream() const { return ""; }

  /// embed_ undefined: the stream begins otherwise; head_ undefined: tied to it, or none.
  Tensor embed_, head_;
  Tensor head_bias_;      // [vocabulary]; undefined: none
  double logit_cap_ = 0;  // core/model.h, Classifier
  Norm norm_;             // without a name: none
  std::string embed_name_, head_name_;
  std::vector<Named> outer_;  // tensors outside of the blocks beside these three
  int64_t count_ = 0, head_dim_ = 0, max_length_ = 0;

 private:
  Group group_of(int64_t block, const std::string& kind, Parts& parts) const;
  Group depth_group(int64_t block, const std::string& kind, Parts& parts) const;
  void width_groups(int64_t block, const std::string& kind, std::vector<Group>& all);
  std::vector<Group> hidden_group();
  void follow_edges(Group& hidden);
  std::vector<std::array<Tensor, 2>>& edges();

  std::vector<std::array<Tensor, 2>> edges_;  // empty or [blocks]: attention's, the MLP's
};

/// A norm over the residual stream, as the hidden group sees it.
void follow(Group& hidden, Norm& norm);

/// The kinds of groups of a decoder.
inline std::vector<std::string> decoder_kinds(bool experts) {
  std::vector<std::string> kinds{"head", "neuron", "hidden", "attention", "mlp", "block"};
  if (experts) kinds.push_back("expert");
  return kinds;
}

/// Registers a family of this file's kind under its model_type, at namespace scope.
template <class Family>
bool enroll_decoder(const char* model_type, const WidthKeys& widths = {},
                    const char* file = __builtin_FILE()) {
  const ModelFactory make = [](const Checkpoint& c) -> std::unique_ptr<Model> {
    return std::make_unique<Family>(c);
  };
  return enroll_model(model_type, {make, decoder_kinds(false), false, widths}, file);
}

}  // namespace bench
