#pragma once
#include "models/source.h"

namespace bench {

/// What the decoder-only families share: an embedding, blocks, a final norm, a head that may be
/// tied. A family says once what its blocks hold; layers, groups and tensors follow from that.
class Decoder : public Model {
 public:
  Tensor features(const Tensor& hidden, const Batch&) const override { return norm_(hidden); }
  Tensor classifier() const override { return head_.defined() ? head_ : embed_; }
  int64_t block_count() const override { return count_; }
  std::vector<Layer*> layers(int64_t block) override { return parts(block).layers; }
  /// Kinds "head" and "neuron".
  std::vector<Group> groups(const std::string& kind) override;
  std::vector<Named> tensors() override;
  int64_t max_length() const override { return max_length_; }

 protected:
  /// One block: its layers in order of use, its norms, and the slices of its two groups, root
  /// first.
  struct Parts {
    std::vector<Layer*> layers;
    std::vector<Norm*> norms;
    std::vector<Slice> head, neuron;
    std::vector<Follower> head_followers;
    std::vector<Named> others;  // buffers of the block
  };
  virtual Parts parts(int64_t block) = 0;

  /// Embedding and head under their names; untied without a head is an Error.
  void take_ends(Source& source, const std::string& embed, const std::string& head, bool tied);
  /// Token embeddings. An id without a row says that the tokenizer is another model's: an Error.
  Tensor embedded(const Batch& batch) const;
  /// A table of positions has an end: a longer sequence is an Error.
  void check_positions(const Batch& batch) const;

  Tensor embed_, head_;       // head_ undefined: tied
  Norm norm_;                 // without a name: none
  std::vector<Named> outer_;  // tensors outside of the blocks beside these three
  int64_t count_ = 0, head_dim_ = 0, max_length_ = 0;

 private:
  std::string embed_name_, head_name_;
};

/// Registers a family of this file's kind under its model_type, at namespace scope.
template <class Family>
bool enroll_decoder(const char* model_type, const WidthKeys& widths = {}) {
  const ModelFactory make = [](const Checkpoint& c) -> std::unique_ptr<Model> {
    return std::make_unique<Family>(c);
  };
  return enroll_model(model_type, {make, {"head", "neuron"}, false, widths});
}

}  // namespace bench
