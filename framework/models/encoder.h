#pragma once
#include "models/transformer.h"

namespace bench {

/// What stands behind an encoder's blocks. Names are whole; an empty one says that there is none.
struct EncoderHead {
  enum Kind {
    Words,    // logits of the vocabulary for every token, by the word embeddings
    Classes,  // logits of classes for every sequence, from its first token
    Tokens    // one number for every token
  } kind = Classes;
  std::string dense = {};        // [hidden, hidden] and its bias, `act` behind it
  std::string dense_first = {};  // another such matrix before it: BERT's pooler
  Activation act = nullptr;
  std::string norm = {};  // behind the activation
  std::string out = {};   // [classes, hidden]; of Words: the embedding where it is not there
  std::string bias = {};  // of Words
};

/// How an encoder's rows begin. Tables are [rows, width]; `norm` behind their sum.
struct EncoderStart {
  std::string words, positions = {}, types = {}, norm;
  std::string project = {};    // from their width to the stream's, behind the norm
  bool project_first = false;  // or before it
  bool project_bias = true;
  /// Positions count the tokens that are not this one and begin behind it (RoBERTa); -1: 0, 1, ...
  int64_t pad = -1;
};

/// A network in which every token sees all others, built as a plan says (plan.embed is empty).
class Encoder : public Transformer {
 public:
  Encoder(Source& source, Plan plan, EncoderStart start, EncoderHead head);

  Input input() const override;
  /// Of words: the mean negative log-likelihood of every token, none of which is masked; of
  /// classes the mean cross-entropy of the labels (one class: the squared error); of tokens: that
  /// of none being replaced.
  Tensor loss(const Batch& batch) const override;
  Tensor stem(const Batch& batch) const override;
  Tensor features(const Tensor& hidden, const Batch& batch) const override;
  Classifier classifier() const override;

 protected:
  std::vector<Follower> outer_hidden() override;

 private:
  void take_start(Source& source);
  void take_head(Source& source);
  Tensor places(const Batch& batch) const;

  EncoderStart start_;
  EncoderHead form_;
  Tensor positions_, types_;
  Norm start_norm_, head_norm_;
  Layer project_, dense_, first_, out_;  // none of them prunable: ends
};

/// A checkpoint as an encoder's Source reads it: old names of norms' tensors are spelled as today,
/// and the word in front that a bare model's file leaves out is there.
Checkpoint encoder_checkpoint(const Checkpoint& c, const std::string& prefix);

/// The tensors of an encoder that no forward pass reads.
inline std::vector<std::string> encoder_buffers() {
  return {"position_ids", "embeddings.token_type_ids"};
}

/// Registers an encoder by the function that builds it from its Source.
template <std::unique_ptr<Model> (*build)(Source&)>
bool enroll_encoder(const char* model_type, const char* prefix_or_type, const WidthKeys& widths,
                    const char* file = __builtin_FILE()) {
  static std::string prefix = prefix_or_type;
  const ModelFactory make = [](const Checkpoint& c) -> std::unique_ptr<Model> {
    const auto inner = encoder_checkpoint(c, prefix);
    Source source(inner);
    auto model = build(source);
    source.finish(encoder_buffers());
    return model;
  };
  ModelFamily family{make, decoder_kinds(false), false, widths};
  family.encoder = true;
  return enroll_model(model_type, family, file);
}

}  // namespace bench
