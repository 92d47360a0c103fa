#pragma once
#include "core/model.h"

namespace bench {

/// Measured sparsity: masked entries / entries (of the pattern's layers), by tensor, block and
/// model; and zeros of all parameters. n:m holds where every group keeps at most n.
struct Sparsity {
  struct Tensor {
    std::string name;
    int64_t block, total, masked, zeros;
  };
  std::vector<Tensor> tensors;
  int64_t parameters = 0;  // all parameters of the model
  int64_t linear_total() const, linear_masked() const, linear_zeros() const;
};
Sparsity measure_sparsity(Model& model);
/// SHA-256 over the names and bits of all masks.
std::string mask_hash(Model& model);
/// Empty if every mask keeps at most n of m; otherwise the first layer that does not.
std::string broken_nm(Model& model, int64_t keep, int64_t of);

}  // namespace bench
