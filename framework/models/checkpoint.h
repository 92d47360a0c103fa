#pragma once
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "core/model.h"
#include "formats/safetensors.h"
#include "tokenizers/tokenizer.h"

namespace bench {

/// What a model is built from: its configuration, its tensors, where it lies.
struct Checkpoint {
  nlohmann::json config;
  TensorMap tensors;
  std::filesystem::path folder;
  at::ScalarType compute = at::kFloat;  // of a model that is built from it
  bool by_block = false;                // core/residency.h
  /// Its tokenizer, where one lies beside it. variant: text/tokenizer.h.
  std::unique_ptr<Tokenizer> tokenizer(const std::string& variant = "auto") const;

  /// Ids that end a generated answer, as the files beside it say: generation_config.json, else
  /// config.json; none where they are silent (the tokenizer's EOS ends one in any case).
  std::vector<int64_t> ends() const;

  const std::string& model_type() const { return type_; }
  /// A tensor that must be there, in the compute type; an Error names it and the folder.
  Tensor take(const std::string& name) const;
  Tensor take_if(const std::string& name) const;  // undefined if it is not there

  /// Every tensor is read or refused: an Error that names the first that no take() asked for.
  void check_all_taken() const;
  void forget_taken() const { taken_.clear(); }

  std::shared_ptr<const BpeVocabulary> vocabulary;  // from a GGUF file
  std::string type_;
  mutable std::set<std::string> taken_;
};

/// A folder with config.json and model.safetensors (or an index and shards), a .safetensors file of
/// a CNN with a config beside it, a .gguf file, or a config.json alone whose weights are drawn
/// (io/drawn.h).
Checkpoint read_checkpoint(const std::filesystem::path& path);

/// The files that reading a model may open: its weights with their index and shards, config.json,
/// generation_config.json, preprocessor_config.json, and those of its tokenizer; nothing else in
/// its folder changes a number.
std::vector<std::filesystem::path> files_of_model(const std::filesystem::path& path);

/// The tokenizer of a folder, with weights or without, or of a .gguf file.
std::unique_ptr<Tokenizer> tokenizer_at(const std::filesystem::path& path,
                                        const std::string& variant = "auto");

/// Where a model's name leads: a path that exists; `hf:org/name` in the local Hugging Face cache
/// (no network); a name in one of the folders. Throws an Error that lists what was tried.
std::filesystem::path resolve_model(const std::string& name,
                                    const std::vector<std::filesystem::path>& folders);

/// Families register by model_type, one file each in models/.
/// Keys of config.json that say how wide a block is; empty: transformers derives it from the hidden
/// size, so that a narrower block is no model of theirs.
struct WidthKeys {
  std::string neurons, heads, kv_heads, head_dim;
};

using ModelFactory = std::unique_ptr<Model> (*)(const Checkpoint&);
struct ModelFamily {
  ModelFactory make;
  std::vector<std::string> group_kinds;  // what Model::groups() knows, for planning without weights
  bool images = false;                   // reads images, not text
  WidthKeys widths;
  /// What it reads depends on the head in the file, which a config alone does not tell.
  bool encoder = false;
  bool hub = false;  // of images: transformers has a class for it
  std::string file;  // of its source, as the compiler named it
};
/// `file`: the source of the family, whose digest stands in the record of its trials.
bool enroll_model(const char* model_type, ModelFamily family, const char* file = __builtin_FILE());
/// The family of a model by its config alone; an unknown model_type is an Error with the known
/// ones.
const ModelFamily& model_family(const std::string& model_type, const std::string& where);
std::string model_type_of(const std::filesystem::path& path);

/// The compute type that is asked for; of `auto`, the one of the checkpoint: what its config.json
/// says, else the type of its weights; float32 for a .gguf file, whose blocks are no type of ours.
/// Neither float64 nor an unknown one is one: float32.
at::ScalarType compute_type_at(const std::filesystem::path& path, const std::string& asked);

/// Unknown model_type: an Error with the known ones.
std::unique_ptr<Model> build_model(const Checkpoint& checkpoint);
std::vector<std::string> model_types();

}  // namespace bench
