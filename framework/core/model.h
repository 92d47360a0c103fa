#pragma once
#include <string>
#include <vector>

#include "core/batch.h"
#include "core/group.h"
#include "core/input.h"

namespace bench {

/// What turns features into logits: weight [classes, width], undefined where the features are the
/// logits. A logit l becomes cap * tanh(l / cap), where there is a cap.
struct Classifier {
  Tensor weight, bias;
  double cap = 0;
  /// Logits of the classes [begin, begin + count).
  Tensor operator()(const Tensor& features, int64_t begin, int64_t count) const;
  Tensor operator()(const Tensor& features) const;
};

/// A network as a chain: stem, blocks, head. Language models and CNNs alike.
/// Widths are read from the weights, never stored, so that shrink() needs no bookkeeping.
class Model {
 public:
  virtual ~Model() = default;
  /// First hidden state: [tokens, hidden] for text, [n, c, h, w] for images.
  virtual Tensor stem(const Batch& batch) const = 0;
  virtual Tensor block(int64_t index, const Tensor& hidden, const Batch& batch) const = 0;
  /// What the classifier reads of the given rows of the last hidden state: [rows, width].
  virtual Tensor features(const Tensor& hidden, const Batch& batch) const = 0;
  virtual Classifier classifier() const { return {}; }
  virtual Input input() const = 0;
  /// What it was trained to make small, a scalar to differentiate: of text the mean negative
  /// log-likelihood of the next token, log-softmax and sums in float64; of images the mean
  /// cross-entropy of the labels, or the loss of boxes (core/detection.h).
  virtual Tensor loss(const Batch& batch) const = 0;
  virtual int64_t block_count() const = 0;
  /// Prunable layers of a block, in order of use.
  virtual std::vector<Layer*> layers(int64_t block) = 0;
  /// Groups of one kind (core/group.h) over the whole model, by block.
  virtual std::vector<Group> groups(const std::string& kind) = 0;
  /// Every tensor of the model under its state-dict name; what snapshots, hashes and counts see.
  struct Named {
    std::string name;
    Tensor* tensor;
    bool parameter = true;  // false: buffers such as running statistics or index maps
    /// Where a file holds more than one of them in a tensor: this one is entry `place` along a new
    /// first dim of the tensor `within` (Granite's experts). An empty one is left out.
    std::string within = {};
    int64_t place = 0;
    bool expert = false;  // of an expert, numbered anew where others went; empty: it went
    /// Where a file holds it in several tensors: row i is the tensor of this name, {} being i.
    std::string rows = {};
  };
  virtual std::vector<Named> tensors() = 0;
  /// The longest sequence it was made for, in tokens; of text alone.
  virtual int64_t max_length() const { return 0; }
  /// Beyond so many tokens what a sequence's beginning gives depends on how long the whole is
  /// (rotary scalings that look at the length): neither a past nor a shared prefix holds there. 0:
  /// never.
  virtual int64_t steady_length() const { return 0; }

  std::vector<Layer*> layers();
  /// Logits of the given rows of the last hidden state: [rows, classes], float32.
  Tensor head(const Tensor& hidden, const Batch& batch) const;
  /// Stem and all blocks: the last hidden state. The batch may be on another device. wide: of a
  /// model in half precision the hidden states are float32, and so is every product, as they are
  /// wherever something is differentiated: differences and gradients drown in its rounding.
  Tensor body(const Batch& batch, bool wide = false) const;
  Tensor forward(const Batch& batch) const;
  /// Moves every tensor.
  void to(const at::Device& device);
  /// Blocks come and go (core/residency.h): what pruning computes is put behind a scratch file.
  bool by_block = false;

 private:
  at::Device device_ = at::kCPU;
};

/// A layer's tensors: weight and bias, and the factors of one that has them.
void name_layer(std::vector<Model::Named>& all, Layer& layer);
/// Every layer's weight and factors as one matrix: what files of the field can hold. Whether there
/// were any.
bool merge_factors(Model& model);

/// Handles of every tensor, mask, format and factor: restores a model bit for bit at no cost, since
/// no tensor is ever changed in place.
class Snapshot {
 public:
  explicit Snapshot(Model& model);
  void restore(Model& model) const;
  /// Whether the model stands as it did: the same handles, hence the same bits.
  bool holds(Model& model) const;

 private:
  struct Of {
    Tensor weight;  // of one that is all factors it is no tensor of the model
    Tensor mask;
    std::shared_ptr<const Format> format;
    LowRank low_rank;
  };
  std::vector<Tensor> tensors_;
  std::vector<Of> layers_;
};

/// A model that is as it was again at the end of the scope, however it ends.
class Restored {
 public:
  explicit Restored(Model& model) : model_(model), before_(model) {}
  ~Restored() { before_.restore(model_); }
  Restored(const Restored&) = delete;
  Restored& operator=(const Restored&) = delete;

 private:
  Model& model_;
  Snapshot before_;
};

/// The losses of Model::loss by kind.
Tensor next_token_loss(const Model& model, const Batch& batch);
Tensor image_loss(const Model& model, const Batch& batch);

/// SHA-256 over the names, shapes and bytes of all parameters.
std::string weight_hash(Model& model);

}  // namespace bench
