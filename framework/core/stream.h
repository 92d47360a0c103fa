#pragma once
#include <vector>

#include "core/statistic.h"

namespace bench {

/// A place where the residual stream of a decoder is read: by a norm and by the matrices behind it.
/// The stream comes from the place before through `edge`, to which the writers in between add.
struct Junction {
  std::vector<Layer*> writers;  // their rows; none at the first place
  Tensor* edge = nullptr;       // [out, in]; undefined: the stream as it is
  Layer* silenced = nullptr;    // without columns: the block returns the stream as it stands here
  Tensor *scale = nullptr, *shift = nullptr;  // of the norm
  Tensor* turned = nullptr;                   // of the norm: see Stream
  bool rms = false;                           // of the norm; else it subtracts the mean
  std::vector<Layer*> readers;  // their columns; none at the last place, which the head reads
};

/// The residual stream from end to end: 2 places a block, and one before the head. A turned norm is
/// x / sqrt(sum(x^2) / width + eps) without a weight, whatever it was; its `turned` holds width,
/// eps.
struct Stream {
  std::vector<Tensor*> embeddings;  // [rows, hidden]: their sum is the stream's beginning
  std::vector<Junction> junctions;
  Tensor* head = nullptr;  // [vocabulary, hidden]; undefined: tied. With a column more for a shift
};

/// A model whose stream can be turned. One that cannot throws an Error that says why.
class Streamed {
 public:
  virtual ~Streamed() = default;
  virtual Stream stream() = 0;
};

/// SliceGPT (Ashkboos et al. 2024, arXiv 2401.15024; src/slicegpt/rotate.py:124-247): folds the
/// norms into what reads them, turns the stream at every place to its principal components over the
/// calibration data, descending, and leaves only the first `kept` of them different from zero
/// (all of them before the head). Each place sees the stream as the places before left it.
/// Returns the eigenvalues of sum X^T X + 0.01 mean(diagonal) I of every place, float64 [hidden].
std::vector<Tensor> turn_stream(Model& model, const Calibration& data, int64_t kept);

}  // namespace bench
