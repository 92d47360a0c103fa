#pragma once
#include "formats/safetensors.h"

namespace bench {

/// Tensors of a file of torch.save: the zip of today or the legacy row of pickles. The file may be
/// a state dict or hold one under a key, and wrappers' words in names are dropped
/// (formats/state_dict.h). Nothing of the file is run (io/pickle.h); sizes, offsets and strides are
/// held against the file before anything is allocated. Errors name the file.
TensorMap read_torch_file(const std::string& path);

}  // namespace bench
