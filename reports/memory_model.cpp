#include "reports/memory_model.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/near.h"

namespace bench {
namespace {

using Json = nlohmann::json;
constexpr double kMiB = 1024.0 * 1024.0;

class Keys {
 public:
  Keys(const Json& config, const std::string& where) : config_(config), where_(where) {}
  int64_t size(const std::vector<std::string>& names) const {
    for (const auto& n : names)
      if (config_.contains(n) && config_[n].is_number_integer() && config_[n].get<int64_t>() > 0)
        return config_[n].get<int64_t>();
    fail("{}: has no {}; it is needed for the shapes", where_, names.front());
  }
  int64_t size(const std::string& name, int64_t fallback) const {
    if (!config_.contains(name) || config_[name].is_null()) return fallback;
    return size(std::vector<std::string>{name});
  }
  bool flag(const std::string& name, bool fallback) const {
    return config_.contains(name) && config_[name].is_boolean() ? config_[name].get<bool>()
                                                                : fallback;
  }

 private:
  const Json& config_;
  const std::string& where_;
};

}  // namespace

Shapes Shapes::from(const Json& config, const std::string& where) {
  if (!config.is_object()) fail("{}: is no JSON object", where);
  const Keys k(config, where);
  Shapes s;
  s.family = config.value("model_type", std::string());
  const std::vector<std::string> known{"llama", "mistral", "qwen2",   "opt",
                                       "bloom", "gpt2",    "gpt_neox"};
  if (std::find(known.begin(), known.end(), s.family) == known.end())
    fail("{}: model_type '{}' has no memory model{}", where, s.family, suggestion(s.family, known));
  s.hidden = k.size({"hidden_size", "n_embd", "n_embed"});
  s.blocks = k.size({"num_hidden_layers", "n_layer"});
  s.heads = k.size({"num_attention_heads", "n_head"});
  s.vocabulary = k.size({"vocab_size"});
  s.kv_heads = k.size("num_key_value_heads", s.heads);
  s.head_dim = k.size("head_dim", s.hidden / s.heads);
  s.gated = s.family == "llama" || s.family == "mistral" || s.family == "qwen2";
  s.biases = !s.gated;
  s.embedding_norm = s.family == "bloom";
  if (s.gated || s.family == "gpt_neox") s.inner = k.size({"intermediate_size"});
  if (s.family == "opt") s.inner = k.size({"ffn_dim"});
  if (s.family == "gpt2") s.inner = k.size("n_inner", 4 * s.hidden);
  if (s.family == "bloom") s.inner = 4 * s.hidden;
  if (s.family == "opt") s.positions = k.size({"max_position_embeddings"}) + 2;
  if (s.family == "gpt2") s.positions = k.size({"n_positions"});
  s.tied = k.flag("tie_word_embeddings", !s.gated && s.family != "gpt_neox");
  return s;
}

int64_t Shapes::block_parameters() const {
  const int64_t q = heads * head_dim, kv = kv_heads * head_dim;
  const int64_t attention = hidden * (2 * q + 2 * kv), mlp = hidden * inner * (gated ? 3 : 2);
  int64_t vectors = 2 * hidden * (gated ? 1 : 2);  // two norms
  if (biases) vectors += q + 2 * kv + hidden + inner + hidden;
  if (family == "qwen2") vectors += q + 2 * kv;
  return attention + mlp + vectors;
}

int64_t Shapes::parameters() const {
  const int64_t ends = vocabulary * hidden * (tied ? 1 : 2) + positions * hidden;
  const int64_t norms = hidden * (gated ? 1 : 2) + (embedding_norm ? 2 * hidden : 0);
  return ends + norms + blocks * block_parameters();
}

int64_t Shapes::largest_matrix() const {
  const int64_t fused = family == "bloom" || family == "gpt2" || family == "gpt_neox" ? 3 : 1;
  return hidden * std::max(inner, fused * heads * head_dim);
}

int64_t Shapes::block_weights() const {
  const int64_t q = heads * head_dim, kv = kv_heads * head_dim;
  return hidden * (2 * q + 2 * kv) + hidden * inner * (gated ? 3 : 2);
}

int64_t Shapes::block_grams() const {
  const bool fused = family == "bloom" || family == "gpt2" || family == "gpt_neox";
  const int64_t of_hidden = (fused ? 1 : 3) + (gated ? 2 : 1), q = heads * head_dim;
  return of_hidden * hidden * hidden + q * q + inner * inner;
}

int64_t Shapes::largest_gram() const {
  const int64_t widest = std::max({hidden, heads * head_dim, inner});
  return widest * widest;
}

std::vector<MemoryLine> memory_model(const Shapes& s, const MemoryWish& w) {
  const double weights = static_cast<double>(s.parameters()) * w.bytes_per_weight;
  const double tokens = static_cast<double>(w.samples * w.length);
  const double run = std::min<double>(tokens, static_cast<double>(w.together));
  const double h = static_cast<double>(s.hidden), inner = static_cast<double>(s.inner);
  const double qkv = static_cast<double>((s.heads + 2 * s.kv_heads) * s.head_dim);
  // Hidden states that wait for the next block, and one block's own, float32.
  const double waiting = 4 * tokens * h;
  const double block = 4 * run * std::max(3 * h + 2 * qkv, 3 * h + 3 * inner);
  const double columns = 4 * static_cast<double>(s.blocks) * (4 * h + inner);
  const double largest = static_cast<double>(s.largest_matrix());
  // What backpropagation keeps: a block's inputs, products and activations; logits in float64.
  const double kept = 4 * run * static_cast<double>(s.blocks) * (8 * h + 2 * qkv + 4 * inner);
  const double logits = run * static_cast<double>(s.vocabulary) * (4 + 8 + 8);
  const double scored = static_cast<double>(s.blocks * s.block_parameters());
  return {
      {"weights alone (magnitude)", weights, 0, 0, 0},
      {"forward statistics (wanda_structured)", weights, 0, columns, waiting + block},
      {"zeroth order, z drawn again (mini_llm)", weights, 0, columns + 4 * 3 * largest,
       waiting + 2 * block},
      {"zeroth order with a stored gradient", weights, weights, columns, waiting + 2 * block},
      {"backprop, first order (taylor)", weights, w.bytes_per_weight * scored, 0, kept + logits},
      {"backprop, second order (Element2)", weights, 2 * w.bytes_per_weight * scored, 0,
       kept + logits}};
}

namespace {

/// The terms of host_memory(), in bytes.
class Host {
 public:
  Host(const Shapes& s, const MemoryWish& w)
      : half_(w.bytes_per_weight < 4),
        weights_(double(s.parameters()) * w.bytes_per_weight),
        block_(double(s.block_weights()) * w.bytes_per_weight),
        ends_(double(s.vocabulary * s.hidden) * w.bytes_per_weight),
        blocks_(double(s.blocks)),
        scored_(double(std::max<int64_t>(1, s.blocks - 2) * s.block_weights())),
        layer_(4 * double(s.largest_matrix())),
        head_(half_ ? 4 * double(s.vocabulary * s.hidden) : 0),
        grams_(4 * double(s.block_grams())),
        factor_(4 * double(s.largest_gram())) {
    const double h = double(s.hidden), inner = double(s.inner), sample = double(w.length);
    const double tokens = double(w.samples) * sample, run = std::min(tokens, double(w.together));
    const double qkv = double((s.heads + 2 * s.kv_heads) * s.head_dim);
    waiting_ = w.bytes_per_weight * tokens * h;
    pass_ = 4 * run * (3 * h + std::max(2 * qkv, 3 * inner));
    logits_ = sample * double(s.vocabulary) * (4 + 8 + 8);  // float32, and float64 twice
    kept_ = 4 * sample * blocks_ * (8 * h + 2 * qkv + 4 * inner);
  }

  /// Scores, masks and repairs of single weights, layer by layer, that need `statistics` and so
  /// many float32 matrices of the size of the largest layer at once.
  HostLine by_layer(const std::string& what, double statistics, double matrices) const {
    if (!half_) matrices -= 1;  // the layer itself
    const double work = kProcess + waiting_ + statistics + std::max(matrices * layer_, pass_);
    const double mapped = statistics > 0 ? 0 : block_ + ends_;
    // What is put behind the scratch file is there twice for a while.
    return {what, at(work + blocks_ * block_, mapped), at(work + layer_, mapped + block_)};
  }
  HostLine grams(const std::string& what) const {
    // Of the first block, which other trials share, and of the one that is worked on.
    return by_layer(what, (blocks_ > 1 ? 2 : 1) * grams_ + factor_, 7.2);
  }

  /// Units, after losses that are measured but not differentiated: the classifier as float32 and
  /// its logits, or a layer beside both of its perturbed forms.
  HostLine zeroth_order(const std::string& what) const {
    const double measure = kProcess + 2 * waiting_ + std::max(head_ + logits_, 3 * layer_);
    // Masked layers, and a fifth smaller ones whose room the heap does not find in theirs.
    const double masked = kProcess + 2 * layer_ + 1.8 * scored_ * bytes();
    const auto block = at(measure, blocks_ * block_), whole = at(masked, 0);
    return {what, {std::max(measure, masked), std::max(block.resident, whole.resident)}, block};
  }

  /// Units, after a backward pass: leaves in float32, their gradients, what these are a mean of;
  /// what the forward pass kept and the derivatives of the logits, whose room the heap keeps.
  HostLine backprop(const std::string& what) const {
    const double matrices = 4 * scored_ * (half_ ? 3 : 2);
    const auto peak = at(kProcess + matrices + kept_ + 2.4 * logits_, blocks_ * block_);
    return {what, peak, peak};
  }

 private:
  static constexpr double kProcess = 100 * kMiB;  // LibTorch's own, and the heap's leftovers
  static constexpr double kCode = 105 * kMiB;     // pages of LibTorch's files

  double bytes() const { return half_ ? 2 : 4; }
  /// mapped: bytes of the checkpoint, or of the scratch file, that are resident beside it. A
  /// checkpoint is read whole once, to be hashed.
  HostLine::Peak at(double anonymous, double mapped) const {
    return {anonymous, kCode + std::max(weights_, anonymous + mapped)};
  }

  bool half_;
  double weights_, block_, ends_, blocks_;  // ends: one table of the vocabulary
  double scored_;                           // weights of the blocks that lose units
  double layer_, head_, grams_, factor_;    // float32; head: the copy that half precision takes
  double waiting_, pass_, logits_, kept_;
};

}  // namespace

std::vector<HostLine> host_memory(const Shapes& s, const MemoryWish& w) {
  const Host host(s, w);
  return {host.by_layer("weights alone (magnitude)", 0, 3), host.by_layer("moments (wanda)", 0, 3),
          host.grams("Gram matrices, OBS (sparsegpt)"),
          host.zeroth_order("zeroth order, z drawn again (mini_llm)"),
          host.backprop("backprop, first order (taylor)")};
}

namespace {

std::string render_host(const Shapes& s, const MemoryWish& w) {
  std::string out = fmt::format(
      "\nOn a host, checkpoint in that type, at the peak of a process (docs/memory.md):\n\n"
      "{:<40}{:>22}{:>22}\n{:<40}{:>11}{:>11}{:>11}{:>11}\n",
      "", "residency=whole", "residency=block", "MiB", "anonymous", "resident", "anonymous",
      "resident");
  for (const auto& l : host_memory(s, w))
    out += fmt::format("{:<40}{:>11.0f}{:>11.0f}{:>11.0f}{:>11.0f}\n", l.what,
                       l.whole.anonymous / kMiB, l.whole.resident / kMiB, l.block.anonymous / kMiB,
                       l.block.resident / kMiB);
  return out;
}

}  // namespace

std::string render_memory(const Shapes& s, const MemoryWish& w, double card) {
  std::string out = fmt::format(
      "{} parameters in {} blocks, {} bytes each; {} samples of {} tokens\n\n"
      "{:<40}{:>10}{:>11}{:>12}{:>13}{:>10}{}\n",
      s.parameters(), s.blocks, w.bytes_per_weight, w.samples, w.length, "MiB", "weights",
      "gradients", "statistics", "activations", "peak", card > 0 ? "  on the card" : "");
  for (const auto& l : memory_model(s, w)) {
    out += fmt::format("{:<40}{:>10.0f}{:>11.0f}{:>12.0f}{:>13.0f}{:>10.0f}", l.what,
                       l.weights / kMiB, l.gradients / kMiB, l.statistics / kMiB,
                       l.activations / kMiB, l.total() / kMiB);
    if (card > 0) out += l.total() <= card ? "  fits" : "  does not fit";
    out += "\n";
  }
  return card > 0 ? out : out + render_host(s, w);
}

}  // namespace bench
