#pragma once
#include <optional>

#include "tensor/device.h"
#include "formats/safetensors.h"

namespace bench {

/// What a training that was killed goes on from: one file, whole or not there.
struct SavedState {
  /// Numbers keep every bit.
  using Numbers = std::map<std::string, double>;

  int64_t step = 0;
  Numbers numbers;
  TensorMap tensors;

  /// A clone on a device; undefined where there is none of this name.
  Tensor find(const std::string& name, const at::Device& device) const;
};

/// Does nothing where `file` is empty. `key` tells the training from every other. Undefined tensors
/// are left out.
void save_state(const std::string& file, const std::string& key, const SavedState& state);
/// Nothing where `file` is empty, absent, of another training or without one of `numbers`.
std::optional<SavedState> load_state(const std::string& file, const std::string& key,
                                     const std::vector<std::string>& numbers);
/// The training is over: what it would go on from goes.
void remove_state(const std::string& file);

}  // namespace bench
