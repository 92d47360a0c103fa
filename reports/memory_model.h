#pragma once
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace bench {

/// What a config.json of LLaMA, Mistral, Qwen2, OPT, BLOOM, GPT-2 or GPT-NeoX says of the shapes.
struct Shapes {
  std::string family;
  int64_t hidden = 0, inner = 0, blocks = 0, vocabulary = 0, heads = 0, kv_heads = 0, head_dim = 0;
  int64_t positions = 0;  // rows of a table of positions; 0: none
  bool tied = false, gated = false, biases = false, embedding_norm = false;

  /// Throws Error for an unknown family or a key that is missing; `where` names the file.
  static Shapes from(const nlohmann::json& config, const std::string& where);
  int64_t block_parameters() const;  // linear layers and their biases and norms
  int64_t parameters() const;
  int64_t largest_matrix() const;  // weights of the largest one that is scored
  int64_t block_weights() const;   // of a block's linear layers, without biases and norms
  /// Entries of the Gram matrices of a block's inputs, one a linear layer; and of the largest.
  int64_t block_grams() const;
  int64_t largest_gram() const;
};

/// A way to find scores, by what it keeps on the device.
struct MemoryLine {
  std::string what;
  double weights = 0, gradients = 0, statistics = 0, activations = 0;  // bytes
  double total() const { return weights + gradients + statistics + activations; }
};

struct MemoryWish {
  double bytes_per_weight = 4;
  int64_t samples = 10, length = 64, together = 4096;  // tokens that run at once
};

/// Peaks of the ways to score, predicted from shapes: persistent tensors as mini_llm.md 6.2 counts
/// them, and the activations of this engine's passes (docs/memory.md says how well it fits).
std::vector<MemoryLine> memory_model(const Shapes& shapes, const MemoryWish& wish);

/// What a process on a host takes at its peak, in bytes, by residency (docs/decisions/
/// compute-type.md): anonymous memory, which stays until it is freed; and resident memory, which
/// counts pages of files as well, those of the checkpoint among them.
struct HostLine {
  struct Peak {
    double anonymous = 0, resident = 0;
  };
  std::string what;
  Peak whole, block;
};

/// For a checkpoint in the compute type, which is mapped. Structured ways leave the first and the
/// last block whole, as pattern=heads_neurons does. What the shapes do not say was measured
/// (docs/memory.md).
std::vector<HostLine> host_memory(const Shapes& shapes, const MemoryWish& wish);

/// The tables, in MiB; card: bytes of a device, 0: none.
std::string render_memory(const Shapes& shapes, const MemoryWish& wish, double card);

}  // namespace bench
