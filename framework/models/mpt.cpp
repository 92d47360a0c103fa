// MPT: ALiBi, layer norms without bias, no bias anywhere, one fused projection. transformers
// models/mpt/modeling_mpt.py.
#include "models/alibi.h"
#include "models/transformer.h"

namespace bench {
namespace {

/// Of attn_config transformers obeys clip_qkv and softmax_scale alone.
void obey_attention(Source& c, Plan& p) {
  const auto how = c.get("attn_config", nlohmann::json::object());
  if (!how.is_object()) c.refuse("attn_config");
  const auto number = [&](const char* key) {
    const auto it = how.find(key);
    if (it == how.end() || it->is_null()) return 0.0;
    if (!it->is_number() || !(it->get<double>() > 0)) c.refuse("attn_config");
    return it->get<double>();
  };
  p.clip = number("clip_qkv");
  p.scale = number("softmax_scale");
  if (how.value("prefix_lm", nlohmann::json()) == true) c.refuse("attn_config");
}

Plan mpt(Source& c) {
  Plan p;
  p.hidden = c.size({"d_model", "hidden_size"});
  p.heads = p.kv_heads = c.size({"n_heads", "num_attention_heads"});
  p.blocks = c.size({"n_layers", "num_hidden_layers"});
  p.max_length = c.get<int64_t>("max_seq_len", 2048);
  p.head_dim = p.hidden / p.heads;
  p.norm = {NormForm::LayerWithoutBias, c.get<double>("layer_norm_epsilon", 1e-5)};
  p.act = activation("gelu", c.where());
  p.embed = "transformer.wte";
  p.last_norm = "transformer.norm_f";
  p.block = "transformer.blocks";
  p.tied = true;
  p.attention_norm = "norm_1", p.mlp_norm = "norm_2";
  p.fused = Fused::Stretches;
  p.qkv = "attn.Wqkv", p.o = "attn.out_proj";
  p.gate = "";
  p.up = "ffn.up_proj", p.down = "ffn.down_proj";
  p.neurons_key = "";  // expansion_ratio times d_model
  p.slopes = alibi_slopes_of_more;
  obey_attention(c, p);
  // transformers reads none of these: slopes always use 8, positions are never learned.
  c.inert({"learned_pos_emb", "logit_scale", "no_bias", "norm_type", "embedding_fraction",
           "verbose", "expansion_ratio", "init_config", "ffn_config", "fc_type",
           "embedding_fraction"});
  return p;
}

[[maybe_unused]] const bool registered = enroll_plan<mpt>("mpt", {"", "", "", ""});

}  // namespace
}  // namespace bench
