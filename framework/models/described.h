#pragma once
#include <filesystem>
#include <optional>

#include "models/checkpoint.h"

namespace bench {

/// What lies there with its tensors described (at::kMeta): none is read, none is drawn. Nothing for
/// files whose shapes are known only when they are read (.gguf, torch's).
std::optional<Checkpoint> described_checkpoint(const std::filesystem::path& path);

/// Whether the weights are drawn by a config.json: no file stands behind them.
bool is_drawn(const std::filesystem::path& path);

/// Whether a model can be built from what lies there, by config.json and the shapes of the weights
/// alone: its tensors are described, none is read. An Error as build_model() has it. Of files whose
/// shapes are known only when they are read (.gguf, torch's) nothing is said but that they are
/// there.
void check_checkpoint(const std::filesystem::path& path);

}  // namespace bench
