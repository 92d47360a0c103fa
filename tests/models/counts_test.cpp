// Parameters left of the 7B models at LLM-Pruner's settings, from shapes alone (mini_llm.md 4.1):
// the tensors have no storage.
#include "fixture.h"

using namespace bench;
using namespace bench::test;

namespace {

constexpr int64_t kHidden = 4096;

struct Shapes {
  explicit Shapes(const std::string& family) {
    c.folder = family;
    c.type_ = family;
    c.config["model_type"] = family;
  }
  void tensor(const std::string& name, at::IntArrayRef shape) {
    c.tensors[name] = at::empty(shape, at::TensorOptions(at::kFloat).device(at::kMeta));
  }
  void linear(const std::string& name, int64_t out, int64_t in, bool bias) {
    tensor(name + ".weight", {out, in});
    if (bias) tensor(name + ".bias", {out});
  }
  void norm(const std::string& name, bool bias) {
    tensor(name + ".weight", {kHidden});
    if (bias) tensor(name + ".bias", {kHidden});
  }
  Checkpoint c;
};

Checkpoint llama_7b() {
  Shapes s("llama");
  s.c.config.update({{"hidden_size", kHidden},
                     {"num_attention_heads", 32},
                     {"num_hidden_layers", 32},
                     {"tie_word_embeddings", false}});
  s.tensor("model.embed_tokens.weight", {32000, kHidden});
  s.tensor("lm_head.weight", {32000, kHidden});
  s.norm("model.norm", false);
  for (int i = 0; i < 32; ++i) {
    const auto at = fmt::format("model.layers.{}.", i);
    s.norm(at + "input_layernorm", false);
    s.norm(at + "post_attention_layernorm", false);
    for (const char* p : {"q", "k", "v", "o"})
      s.linear(fmt::format("{}self_attn.{}_proj", at, p), kHidden, kHidden, false);
    s.linear(at + "mlp.gate_proj", 11008, kHidden, false);
    s.linear(at + "mlp.up_proj", 11008, kHidden, false);
    s.linear(at + "mlp.down_proj", kHidden, 11008, false);
  }
  return s.c;
}

Checkpoint opt_6b() {
  Shapes s("opt");
  s.c.config.update({{"hidden_size", kHidden},
                     {"num_attention_heads", 32},
                     {"num_hidden_layers", 32},
                     {"max_position_embeddings", 2048}});
  const std::string top = "model.decoder.";
  s.tensor(top + "embed_tokens.weight", {50272, kHidden});
  s.tensor(top + "embed_positions.weight", {2050, kHidden});
  s.norm(top + "final_layer_norm", true);
  for (int i = 0; i < 32; ++i) {
    const auto at = fmt::format("{}layers.{}.", top, i);
    s.norm(at + "self_attn_layer_norm", true);
    s.norm(at + "final_layer_norm", true);
    for (const char* p : {"q_proj", "k_proj", "v_proj", "out_proj"})
      s.linear(at + "self_attn." + p, kHidden, kHidden, true);
    s.linear(at + "fc1", 4 * kHidden, kHidden, true);
    s.linear(at + "fc2", kHidden, 4 * kHidden, true);
  }
  return s.c;
}

Checkpoint bloom_7b() {
  Shapes s("bloom");
  s.c.config.update({{"hidden_size", kHidden}, {"n_head", 32}, {"n_layer", 30}});
  s.tensor("transformer.word_embeddings.weight", {250880, kHidden});
  s.norm("transformer.word_embeddings_layernorm", true);
  s.norm("transformer.ln_f", true);
  for (int i = 0; i < 30; ++i) {
    const auto at = fmt::format("transformer.h.{}.", i);
    s.norm(at + "input_layernorm", true);
    s.norm(at + "post_attention_layernorm", true);
    s.linear(at + "self_attention.query_key_value", 3 * kHidden, kHidden, true);
    s.linear(at + "self_attention.dense", kHidden, kHidden, true);
    s.linear(at + "mlp.dense_h_to_4h", 4 * kHidden, kHidden, true);
    s.linear(at + "mlp.dense_4h_to_h", kHidden, 4 * kHidden, true);
  }
  return s.c;
}

int64_t parameters(Model& model) {
  int64_t n = 0;
  for (const auto& t : model.tensors())
    if (t.parameter && t.tensor->defined()) n += t.tensor->numel();
  return n;
}

struct Row {
  Checkpoint (*make)();
  int64_t total;
  double ratio;
  int64_t first, last, heads, neurons, kept;  // blocks first..last lose heads and neurons
};

}  // namespace

TEST_CASE("parameters of 7B models after pruning, from shapes alone", "[models]") {
  const std::vector<Row> rows{
      {llama_7b, 6738415616, 0.25, 4, 29, 8, 2752, 5422977024},
      {llama_7b, 6738415616, 0.40, 4, 29, 12, 4404, 4677079040},
      {llama_7b, 6738415616, 0.60, 3, 30, 19, 6605, 3350188032},
      {opt_6b, 6658473984, 0.25, 4, 29, 8, 4096, 5349664768},
      {opt_6b, 6658473984, 0.60, 3, 30, 19, 9831, 3287314108},
      {bloom_7b, 7069016064, 0.25, 4, 19, 8, 4096, 6263595008},
      {bloom_7b, 7069016064, 0.30, 4, 27, 9, 4916, 5649305376},
      {bloom_7b, 7069016064, 0.70, 3, 28, 22, 11469, 3426122030},
  };
  for (const auto& row : rows) {
    INFO(row.total << " at " << row.ratio);
    const auto model = build_model(row.make());
    CHECK(parameters(*model) == row.total);
    Pattern p;
    p.kind = Pattern::Structured;
    p.groups = {"head", "neuron"};
    p.exempt_first = row.first;
    p.exempt_last = model->block_count() - 1 - row.last;
    for (const auto& g : prunable_groups(*model, p)) {
      const auto count = removed_units(g.units, g.unit_width, row.ratio);
      CHECK(count == (g.kind == "head" ? row.heads : row.neurons));
      auto keep = at::ones({g.units}, at::kBool);
      keep.slice(0, 0, count).fill_(false);
      shrink(g, keep);
    }
    CHECK(parameters(*model) == row.kept);
  }
}
