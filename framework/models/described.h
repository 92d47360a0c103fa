#pragma once
#include <filesystem>

namespace bench {

/// Whether a model can be built from what lies there, by config.json and the shapes of the weights
/// alone: its tensors are described, none is read. An Error as build_model() has it. Of files whose
/// shapes are known only when they are read (.gguf, torch's) nothing is said but that they are
/// there.
void check_checkpoint(const std::filesystem::path& path);

}  // namespace bench
