// DistilBERT: BERT without types of tokens and without a pooler, under names of its own.
// transformers models/distilbert/modeling_distilbert.py.
#include "models/encoder.h"

namespace bench {
namespace {

Tensor relu(const Tensor& x) {
  return at::relu(x);
}

std::unique_ptr<Model> distilbert(Source& c) {
  Plan p;
  p.hidden = c.size({"dim", "hidden_size"});
  p.heads = p.kv_heads = c.size({"n_heads", "num_attention_heads"});
  p.head_dim = p.hidden / p.heads;
  p.blocks = c.size({"n_layers", "num_hidden_layers"});
  p.max_length = c.get<int64_t>("max_position_embeddings", 512);
  p.norm = {NormForm::Layer, 1e-12};
  p.act = activation(c.get<std::string>("activation", "gelu"), c.where());
  p.sees_all = p.norms_behind = true;
  p.embed = p.last_norm = p.gate = "";
  p.block = "distilbert.transformer.layer";
  p.q = "attention.q_lin", p.k = "attention.k_lin", p.v = "attention.v_lin";
  p.o = "attention.out_lin";
  p.up = "ffn.lin1", p.down = "ffn.lin2";
  p.attention_norm = "sa_layer_norm", p.mlp_norm = "output_layer_norm";
  p.qkv_bias = p.o_bias = p.mlp_bias = true;
  p.neurons_key = "hidden_dim";
  c.inert({"sinusoidal_pos_embds"});  // how positions begin; they are stored
  const std::string at = "distilbert.embeddings.";
  EncoderStart start{at + "word_embeddings", at + "position_embeddings", "", at + "LayerNorm"};
  EncoderHead head;
  if (c.take_if("pre_classifier.weight").defined()) {
    head = {EncoderHead::Classes, "pre_classifier", "", relu, "", "classifier"};
    c.skip("vocab_");
  } else if (c.take_if("vocab_transform.weight").defined()) {
    head = {EncoderHead::Words, "vocab_transform",     "", p.act, "vocab_layer_norm",
            "vocab_projector",  "vocab_projector.bias"};
  } else {
    fail("{}: holds no head: neither a classifier nor one of masked words", c.where());
  }
  return std::make_unique<Encoder>(c, std::move(p), std::move(start), std::move(head));
}

[[maybe_unused]] const bool registered =
    enroll_encoder<distilbert>("distilbert", "distilbert", {"hidden_dim", "", "", ""});

}  // namespace
}  // namespace bench
