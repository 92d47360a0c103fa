// BERT, RoBERTa and ELECTRA: one network with other beginnings and heads. transformers
// models/bert, models/roberta, models/electra (modeling_*.py).
#include "models/encoder.h"

namespace bench {
namespace {

Tensor tanh(const Tensor& x) {
  return at::tanh(x);
}
Tensor erf_gelu(const Tensor& x) {
  return at::gelu(x);
}

Plan bert_plan(Source& c) {
  Plan p;
  p.hidden = c.size({"hidden_size"});
  p.heads = p.kv_heads = c.size({"num_attention_heads"});
  p.head_dim = p.hidden / p.heads;
  p.blocks = c.size({"num_hidden_layers"});
  p.max_length = c.get<int64_t>("max_position_embeddings", 512);
  p.norm = {NormForm::Layer, c.get("layer_norm_eps", 1e-12)};
  p.act = activation(c.get<std::string>("hidden_act", "gelu"), c.where());
  p.sees_all = p.norms_behind = true;
  p.embed = p.last_norm = p.gate = "";
  p.block = c.type() + ".encoder.layer";
  p.q = "attention.self.query", p.k = "attention.self.key", p.v = "attention.self.value";
  p.o = "attention.output.dense";
  p.up = "intermediate.dense", p.down = "output.dense";
  p.attention_norm = "attention.output.LayerNorm", p.mlp_norm = "output.LayerNorm";
  p.qkv_bias = p.o_bias = p.mlp_bias = true;
  c.only<std::string>("position_embedding_type", "absolute");
  c.only("is_decoder", false);
  c.only("add_cross_attention", false);
  return p;
}

EncoderStart start_of(Source& c) {
  const auto at = c.type() + ".embeddings.";
  return {at + "word_embeddings", at + "position_embeddings", at + "token_type_embeddings",
          at + "LayerNorm"};
}

[[noreturn]] void no_head(Source& c) {
  fail("{}: holds no head: neither a classifier nor one of masked words", c.where());
}

std::unique_ptr<Model> bert(Source& c) {
  auto plan = bert_plan(c);
  EncoderHead head;
  if (c.take_if("classifier.weight").defined()) {
    head = {EncoderHead::Classes, "bert.pooler.dense", "", tanh, "", "classifier"};
    c.skip("cls.");
  } else if (c.take_if("cls.predictions.transform.dense.weight").defined()) {
    const std::string at = "cls.predictions.";
    head = {EncoderHead::Words,         at + "transform.dense", "",         plan.act,
            at + "transform.LayerNorm", at + "decoder",         at + "bias"};
    c.skip("bert.pooler.");
    c.skip("cls.seq_relationship.");  // whether one text follows another
  } else {
    no_head(c);
  }
  return std::make_unique<Encoder>(c, std::move(plan), start_of(c), std::move(head));
}

std::unique_ptr<Model> roberta(Source& c) {
  auto plan = bert_plan(c);
  auto start = start_of(c);
  start.pad = c.get<int64_t>("pad_token_id", 1);
  plan.max_length -= start.pad + 1;
  EncoderHead head;
  if (c.take_if("classifier.out_proj.weight").defined()) {
    head = {EncoderHead::Classes, "classifier.dense", "", tanh, "", "classifier.out_proj"};
    c.skip("lm_head.");
  } else if (c.take_if("lm_head.dense.weight").defined()) {
    head = {EncoderHead::Words, "lm_head.dense", "", erf_gelu, "lm_head.layer_norm",
            "lm_head.decoder",  "lm_head.bias"};
  } else {
    no_head(c);
  }
  c.skip("roberta.pooler.");
  return std::make_unique<Encoder>(c, std::move(plan), std::move(start), std::move(head));
}

std::unique_ptr<Model> electra(Source& c) {
  auto plan = bert_plan(c);
  auto start = start_of(c);
  if (c.get<int64_t>("embedding_size", 128) != plan.hidden)
    start.project = "electra.embeddings_project";
  c.inert({"summary_activation", "summary_type", "summary_use_proj"});
  EncoderHead head;
  if (c.take_if("classifier.out_proj.weight").defined()) {
    head = {EncoderHead::Classes, "classifier.dense", "", erf_gelu, "", "classifier.out_proj"};
    c.skip("discriminator_predictions.");
  } else if (c.take_if("discriminator_predictions.dense.weight").defined()) {
    const std::string at = "discriminator_predictions.";
    head = {EncoderHead::Tokens, at + "dense", "", plan.act, "", at + "dense_prediction"};
  } else if (c.take_if("generator_predictions.dense.weight").defined()) {
    head = {EncoderHead::Words,
            "generator_predictions.dense",
            "",
            erf_gelu,
            "generator_predictions.LayerNorm",
            "generator_lm_head",
            "generator_lm_head.bias"};
  } else {
    no_head(c);
  }
  return std::make_unique<Encoder>(c, std::move(plan), std::move(start), std::move(head));
}

const WidthKeys kWidths{"intermediate_size", "", "", ""};
[[maybe_unused]] const bool a = enroll_encoder<bert>("bert", "bert", kWidths);
[[maybe_unused]] const bool b = enroll_encoder<roberta>("roberta", "roberta", kWidths);
[[maybe_unused]] const bool d = enroll_encoder<electra>("electra", "electra", kWidths);

}  // namespace
}  // namespace bench
