#pragma once
#include <memory>
#include <vector>

#include "core/past.h"

namespace bench {

/// What goes through a chain at once: images, or a ragged run of tokens. All sequences stand end to
/// end; no padding exists anywhere, and attention alone knows where a sequence ends.
struct Batch {
  Tensor ids;  // int64 [tokens]
  /// int64 [tokens]: 0 and 1 for the first and second of a pair of texts; undefined: 0.
  Tensor types;
  Tensor positions;             // int64 [tokens]: position of each token in its sequence
  std::vector<int64_t> starts;  // [segments + 1]: segment s is tokens [starts[s], starts[s+1])
  /// The earlier segment that segment s continues, or -1: a prefix shared by several continuations
  /// is computed once. Empty means that no segment continues another.
  std::vector<int64_t> parent;
  /// What the sequences have behind them; positions go on from there. Null: they begin here. Not
  /// together with `parent`.
  std::shared_ptr<Past> past;

  Tensor images;  // float32 [n, 3, h, w], 0..255
  /// int64 [n], of texts one a sequence; of a detector float32 [n, most, 5] (core/detection.h)
  Tensor labels;
  /// Batch normalisation with the batch's own statistics (training); false: running statistics.
  bool batch_statistics = false;
  /// With batch_statistics, training only: running statistics move this share of the way to the
  /// batch's, IN PLACE: whoever sets it has put clones of them into the model before.
  double norm_momentum = 0;

  bool is_text() const { return ids.defined(); }
  /// Sequences or images: what a statistic averages over.
  int64_t count() const;
  int64_t segments() const { return static_cast<int64_t>(starts.size()) - 1; }
  /// Ancestors of segment s from the root down to s itself.
  std::vector<int64_t> line(int64_t segment) const;
  /// The same with its tensors on a device; those already there are shared.
  Batch to(const at::Device& device) const;
};

using Sequence = std::vector<int64_t>;

/// All sequences, in order, in one batch.
Batch text_batch(const std::vector<Sequence>& sequences);
/// Each sequence as a batch of its own; image batches stay whole.
std::vector<Batch> split(const std::vector<Batch>& batches);
/// Each sequence and each image as a batch of its own.
std::vector<Batch> samples(const std::vector<Batch>& batches);
/// How many losses a batch is the mean of: predicted tokens, or images.
int64_t predictions(const Batch& batch);

/// Cut into batches of at most `tokens` tokens (at least one sequence each), order kept.
std::vector<Batch> text_batches(const std::vector<Sequence>& sequences, int64_t tokens);

}  // namespace bench
