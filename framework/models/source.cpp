#include "models/source.h"

#include <algorithm>

namespace bench {
namespace {

using Json = nlohmann::json;

bool any_of(const std::vector<std::string>& parts, const std::string& text, bool at_end) {
  return std::any_of(parts.begin(), parts.end(), [&](const std::string& p) {
    return at_end ? text.ends_with(p) : text.find(p) != std::string::npos;
  });
}

/// Keys of a config.json that never change a forward pass of ours.
bool common_key(const std::string& key) {
  static const std::set<std::string> kNames{
      // Which classes and programs wrote or read the file.
      "model_type", "prunebench", "drawn", "architectures", "auto_map", "transformers_version",
      "transformers.js_config", "tokenizer_class", "prefix", "task_specific_params",
      "unsloth_version", "unsloth_fixed", "is_llama_config", "model_max_length",
      "max_sequence_length", "custom_pipelines", "processor_class", "name_or_path",
      // How numbers are stored, and which kernels compute them.
      "torch_dtype", "dtype", "torchscript", "use_bfloat16", "attn_implementation", "attn_impl",
      "use_flash_attention_2", "use_flash_attention", "use_flash_attn", "use_flash_attn_2",
      "flash_attention", "use_cache", "use_cache_quantization", "return_dict", "use_return_dict",
      "chunk_size_feed_forward", "low_cpu_mem_usage", "init_device", "pretraining_tp", "ep_size",
      // Training: losses, initial values, noise, checkpoints of activations.
      "initializer_range", "initializer_factor", "init_std", "layerdrop", "gradient_checkpointing",
      "use_reentrant_checkpointing", "neftune_noise_alpha", "router_aux_loss_coef",
      "aux_loss_alpha", "seq_aux", "router_jitter_noise", "embedding_initializer_range",
      "rescale_prenorm_residual",
      // The heads of other tasks.
      "finetuning_task", "problem_type", "num_labels", "id2label", "label2id", "is_decoder",
      "is_encoder_decoder", "classifier_dropout", "pruned_heads", "tie_encoder_decoder",
      // Generation.
      "chat_template", "keys_to_ignore_at_inference", "do_sample", "temperature", "top_k", "top_p",
      "typical_p", "repetition_penalty", "length_penalty", "no_repeat_ngram_size", "max_length",
      "min_length", "max_new_tokens", "num_beams", "num_beam_groups", "diversity_penalty",
      "num_return_sequences", "early_stopping", "bad_words_ids", "suppress_tokens",
      "begin_suppress_tokens", "remove_invalid_values"};
  return kNames.count(key) || key.starts_with("_") || key.starts_with("output_") ||
         key.ends_with("_token_id") || any_of({"dropout", "pdrop", "drop_path"}, key, false);
}

/// null, false, "", [] and {}: a feature that is off.
bool is_off(const nlohmann::json& value) {
  if (value.is_boolean()) return !value.get<bool>();
  return value.is_null() || ((value.is_string() || value.is_structured()) && value.empty());
}

}  // namespace

int64_t Source::size(const std::vector<std::string>& spellings) {
  int64_t found = -1;
  std::string from;
  for (const auto& key : spellings) {
    const auto value = get<int64_t>(key, -1);
    if (value >= 0 && found >= 0 && value != found)
      fail("{}/config.json: {} is {}, and {}, which means the same, is {}: take one of them out",
           where(), from, found, key, value);
    if (found < 0) found = value, from = key;
  }
  if (found <= 0)
    fail("{}/config.json: {} is missing or no positive number", where(),
         fmt::join(spellings, " or "));
  return found;
}

void Source::refuse(const std::string& key) const {
  fail("{}/config.json: {} = {} is not supported for model_type '{}'", where(), key,
       c_.config.at(key).dump(), type());
}

Tensor Source::take_if(const std::string& name) {
  tensors_.insert(name);
  return c_.take_if(name);
}

void Source::skip(const std::string& prefix) {
  for (const auto& [name, tensor] : c_.tensors)
    if (name.starts_with(prefix)) tensors_.insert(name);
}

Tensor Source::take(const std::string& name) {
  tensors_.insert(name);
  return c_.take(name);
}

Layer Source::layer(const std::string& name, bool bias) {
  Layer l;
  l.name = name;
  l.weight = take(name + ".weight");
  if (bias) l.bias = take(name + ".bias");
  return l;
}

Layer Source::conv1d(const std::string& name, bool bias) {
  auto l = layer(name, bias);
  if (l.weight.dim() != 2) fail("{}: {}.weight is no matrix", where(), name);
  l.weight = l.weight.t().contiguous();
  l.stored_transposed = true;
  return l;
}

Norm Source::layer_norm(const std::string& name, double eps, bool affine) {
  return norm(name, {affine ? NormForm::Layer : NormForm::Plain, eps});
}

Norm Source::norm(const std::string& name, const NormForm& form) {
  Norm n;
  n.name = name;
  n.eps = form.eps;
  n.rms = form.kind == NormForm::Rms;
  n.one_more = form.one_more;
  if (form.kind != NormForm::Plain) n.weight = take(name + ".weight");
  if (form.kind == NormForm::Layer) n.bias = take(name + ".bias");
  return n;
}

void Source::agree(const std::string& key, int64_t of_tensor, const std::string& tensor) {
  const auto said = get<int64_t>(key, -1);
  if (said >= 0 && said != of_tensor && !compact())
    fail("{}: {} of config.json is {}, where {} is made for {}", where(), key, said, tensor,
         of_tensor);
}

Norm Source::rms_norm(const std::string& name, double eps) {
  return norm(name, {NormForm::Rms, eps});
}

void Source::finish(const std::vector<std::string>& buffers) const {
  if (c_.config.is_object() && !is_off(c_.config.value("quantization_config", Json())))
    fail(
        "{}/config.json: quantization_config: weights of this format are not read; take a "
        "checkpoint of float16, bfloat16 or float32 weights",
        where());
  if (c_.config.is_object())
    for (const auto& [key, value] : c_.config.items())
      if (!keys_.count(key) && !common_key(key) && !is_off(value))
        fail(
            "{}/config.json: the key {} is not known for model_type '{}' and may change what the "
            "model computes; take it out of config.json if it does not",
            where(), key, type());
  for (const auto& [name, tensor] : c_.tensors) {
    // Files saved from the bare model omit the first word of the names (Checkpoint::take_if).
    if (tensors_.count(name) || tensors_.count("model." + name) ||
        tensors_.count("transformer." + name) || any_of(buffers, name, true))
      continue;
    fail("{}: the tensor {} belongs to no {} of this config.json", where(), name, type());
  }
}

}  // namespace bench
