// GPT-Neo: GPT-2's block with plain matrices, every other layer in a window, scores not scaled.
// transformers models/gpt_neo/modeling_gpt_neo.py.
#include "models/transformer.h"

namespace bench {
namespace {

using Names = std::vector<std::string>;

/// attention_types: [[[kinds], repeats], ...].
Names expanded(Source& c) {
  Names all;
  const auto types = c.get("attention_types", nlohmann::json());
  if (types.is_null()) return all;
  try {
    for (const auto& part : types)
      for (int64_t i = 0; i < part.at(1).get<int64_t>(); ++i)
        for (const auto& kind : part.at(0)) all.push_back(kind.get<std::string>());
  } catch (const nlohmann::json::exception&) {
    c.refuse("attention_types");
  }
  return all;
}

std::vector<int64_t> windows(Source& c, int64_t blocks) {
  const auto size = c.get<int64_t>("window_size", 256);
  auto kinds = expanded(c);
  const auto layers = c.get("attention_layers", Names());
  if (!kinds.empty() && !layers.empty() && kinds != layers)
    fail("{}/config.json: attention_types and attention_layers say different things: take one out",
         c.where());
  if (kinds.empty()) kinds = layers;
  if (kinds.empty())
    for (int64_t i = 0; i < blocks; ++i) kinds.push_back(i % 2 ? "local" : "global");
  std::vector<int64_t> all;
  for (const auto& kind : kinds) {
    if (kind != "global" && kind != "local")
      fail("{}/config.json: attention of the kind '{}' is not known: global, local", c.where(),
           kind);
    all.push_back(kind == "local" ? size : 0);
  }
  if (static_cast<int64_t>(all.size()) != blocks)
    fail("{}/config.json: attention_types speak of {} layers, num_layers of {}", c.where(),
         all.size(), blocks);
  return all;
}

Plan gpt_neo(Source& c) {
  Plan p;
  p.hidden = c.size({"hidden_size"});
  p.heads = p.kv_heads = c.size({"num_heads", "num_attention_heads"});
  p.blocks = c.size({"num_layers", "num_hidden_layers"});
  p.max_length = c.get<int64_t>("max_position_embeddings", 2048);
  p.head_dim = p.hidden / p.heads;
  p.norm = {NormForm::Layer, c.get<double>("layer_norm_epsilon", 1e-5)};
  p.act = activation(c.get<std::string>("activation_function", "gelu_new"), c.where());
  p.embed = "transformer.wte";
  p.positions = "transformer.wpe";
  p.last_norm = "transformer.ln_f";
  p.block = "transformer.h";
  p.tied = true;
  p.attention_norm = "ln_1", p.mlp_norm = "ln_2";
  const std::string at = "attn.attention.";
  p.q = at + "q_proj", p.k = at + "k_proj", p.v = at + "v_proj", p.o = at + "out_proj";
  p.o_bias = p.mlp_bias = true;
  p.scale = 1;
  p.gate = "";
  p.up = "mlp.c_fc", p.down = "mlp.c_proj";
  p.windows = windows(c, p.blocks);
  c.inert({"summary_type", "summary_use_proj", "summary_activation", "summary_first_dropout",
           "summary_proj_to_labels"});
  p.buffers = {".attn.attention.bias", ".attn.attention.masked_bias"};
  return p;
}

[[maybe_unused]] const bool registered =
    enroll_plan<gpt_neo>("gpt_neo", {"intermediate_size", "", "", ""});

}  // namespace
}  // namespace bench
