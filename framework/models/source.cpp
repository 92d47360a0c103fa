#include "models/source.h"

#include <algorithm>

namespace bench {
namespace {

bool any_of(const std::vector<std::string>& parts, const std::string& text, bool at_end) {
  return std::any_of(parts.begin(), parts.end(), [&](const std::string& p) {
    return at_end ? text.ends_with(p) : text.find(p) != std::string::npos;
  });
}

/// Keys of a config.json that never change a forward pass of ours: names, training, generation.
bool common_key(const std::string& key) {
  static const std::set<std::string> kNames{"model_type",
                                            "prunebench",
                                            "architectures",
                                            "auto_map",
                                            "transformers_version",
                                            "torch_dtype",
                                            "dtype",
                                            "vocab_size",
                                            "use_cache",
                                            "initializer_range",
                                            "init_std",
                                            "layerdrop",
                                            "pretraining_tp",
                                            "tokenizer_class",
                                            "prefix",
                                            "task_specific_params",
                                            "finetuning_task",
                                            "problem_type",
                                            "num_labels",
                                            "id2label",
                                            "label2id",
                                            "is_decoder",
                                            "is_encoder_decoder",
                                            "chat_template",
                                            "return_dict",
                                            "torchscript",
                                            "gradient_checkpointing",
                                            "max_sequence_length",
                                            "chunk_size_feed_forward",
                                            "unsloth_version",
                                            "unsloth_fixed",
                                            "keys_to_ignore_at_inference",
                                            "do_sample",
                                            "temperature",
                                            "top_k",
                                            "top_p",
                                            "repetition_penalty",
                                            "max_length",
                                            "min_length",
                                            "num_beams",
                                            "attn_implementation"};
  return kNames.count(key) || key.starts_with("_") || key.starts_with("output_") ||
         key.ends_with("_token_id") || any_of({"dropout", "pdrop"}, key, false);
}

/// null, false, "", [] and {}: a feature that is off.
bool is_off(const nlohmann::json& value) {
  if (value.is_boolean()) return !value.get<bool>();
  return value.is_null() || ((value.is_string() || value.is_structured()) && value.empty());
}

}  // namespace

int64_t Source::size(const std::vector<std::string>& spellings) {
  int64_t found = -1;
  for (const auto& key : spellings) {
    const auto value = get<int64_t>(key, -1);
    if (found < 0) found = value;
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
  if (!affine) return {name, {}, {}, eps, false};
  return {name, take(name + ".weight"), take(name + ".bias"), eps, false};
}

Norm Source::rms_norm(const std::string& name, double eps) {
  return {name, take(name + ".weight"), {}, eps, true};
}

void Source::finish(const std::vector<std::string>& buffers) const {
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
