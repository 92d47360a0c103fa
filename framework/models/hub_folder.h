#pragma once
#include <filesystem>

#include "models/checkpoint.h"

namespace bench {

/// config.json of the model as it stands, for transformers: widths that every block shares are
/// written under the family's keys. `source`: what the model was built from. Blocks of different
/// widths, and widths that this family's class derives from the hidden size, are an Error that
/// says so.
nlohmann::json hub_config(Model& model, const Checkpoint& source);

/// The model as a Hugging Face folder: config.json, model.safetensors (float32, state-dict names),
/// and the tokenizer's files as they lie beside the source (made from the vocabulary of a GGUF
/// file). compact: each block with its own widths and the buffers that go with them, under the
/// source's config.json and a note in it; this project reads it, transformers does not. Networks of
/// images are always written so, but for those that transformers wrote and reads.
void write_hub_folder(Model& model, const Checkpoint& source, bool compact,
                      const std::filesystem::path& folder);

}  // namespace bench
