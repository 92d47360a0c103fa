#include "formats/gguf.h"

#include <cstring>
#include <limits>
#include <set>

#include "base/error.h"
#include "formats/gguf_blocks.h"
#include "formats/mapped_file.h"

namespace bench {
namespace {

using Json = nlohmann::json;

/// Reads forward through a mapping; any step past its end is an Error.
class Cursor {
 public:
  explicit Cursor(const MappedFile& file) : file_(file) {}

  template <class T>
  T take() {
    T value;
    std::memcpy(&value, bytes(sizeof(T)), sizeof(T));
    return value;
  }
  std::string text() {
    const auto length = take<uint64_t>();
    const auto* start = bytes(length);
    return {reinterpret_cast<const char*>(start), length};
  }
  uint64_t at() const { return at_; }
  uint64_t left() const { return file_.size() - at_; }
  [[noreturn]] void bad(const std::string& what) const { fail("{}: {}", file_.path(), what); }

 private:
  const uint8_t* bytes(uint64_t count) {
    if (count > left()) bad("is truncated: the header runs past its end");
    const auto* start = file_.data() + at_;
    at_ += count;
    return start;
  }
  const MappedFile& file_;
  uint64_t at_ = 0;
};

enum ValueType : uint32_t {
  kU8,
  kI8,
  kU16,
  kI16,
  kU32,
  kI32,
  kF32,
  kBool,
  kString,
  kArray,
  kU64,
  kI64,
  kF64
};

Json read_value(Cursor& in, uint32_t type) {
  switch (type) {
    case kU8:
      return in.take<uint8_t>();
    case kI8:
      return in.take<int8_t>();
    case kU16:
      return in.take<uint16_t>();
    case kI16:
      return in.take<int16_t>();
    case kU32:
      return in.take<uint32_t>();
    case kI32:
      return in.take<int32_t>();
    case kF32:
      return in.take<float>();
    case kBool:
      return in.take<uint8_t>() != 0;
    case kString:
      return in.text();
    case kU64:
      return in.take<uint64_t>();
    case kI64:
      return in.take<int64_t>();
    case kF64:
      return in.take<double>();
    default:
      in.bad(fmt::format("unknown value type {}", type));
  }
}

Json read_any(Cursor& in) {
  const auto type = in.take<uint32_t>();
  if (type != kArray) return read_value(in, type);
  const auto element = in.take<uint32_t>();
  const auto count = in.take<uint64_t>();
  if (element == kArray) in.bad("nested arrays are not supported");
  if (count > in.left()) in.bad("an array is longer than the file");
  Json list = Json::array();
  for (uint64_t i = 0; i < count; ++i) list.push_back(read_value(in, element));
  return list;
}

struct Info {
  std::string name;
  std::vector<int64_t> shape;  // slowest first, as [out, in]
  uint32_t type;
  uint64_t offset;
};

Info read_info(Cursor& in) {
  Info info;
  info.name = in.text();
  const auto dims = in.take<uint32_t>();
  if (dims == 0 || dims > 4) in.bad(info.name + ": has " + std::to_string(dims) + " dimensions");
  uint64_t total = 1;
  for (uint32_t d = 0; d < dims; ++d) {
    const auto size = in.take<uint64_t>();
    if (size == 0 || size > (uint64_t{1} << 40) / total) in.bad(info.name + ": impossible size");
    total *= size;
    info.shape.insert(info.shape.begin(), static_cast<int64_t>(size));  // stored fastest first
  }
  info.type = in.take<uint32_t>();
  info.offset = in.take<uint64_t>();
  return info;
}

/// For messages: keys and strings of the file need not be UTF-8.
std::string shown(const Json& value) {
  auto text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  if (text.size() > 60) text = text.substr(0, 60) + "...";
  return text;
}

int64_t whole(const MappedFile& file, const std::string& key, const Json& value, int64_t least,
              int64_t most) {
  const bool fits = value.is_number_integer() &&
                    (!value.is_number_unsigned() || value.get<uint64_t>() <= INT64_MAX);
  const auto number = fits ? value.get<int64_t>() : 0;
  if (!fits || number < least || number > most)
    fail("{}: {} is {}, no whole number from {} to {}", file.path(), key, shown(value), least,
         most);
  return number;
}

const Json& need(const MappedFile& file, const Json& meta, const std::string& key) {
  const auto it = meta.find(key);
  if (it == meta.end()) fail("{}: the key {} is missing", file.path(), key);
  return *it;
}

/// Keys of a LLaMA whose one value changes nothing; another value does, and is refused.
bool changes_nothing(const std::string& key, const Json& value) {
  static const std::map<std::string, Json> kNeutral{
      {"attention.causal", true}, {"use_parallel_residual", false},
      {"expert_count", 0},        {"expert_used_count", 0},
      {"attention.clamp_kqv", 0}, {"attention.max_alibi_bias", 0},
      {"attention.scale", 0},     {"pooling_type", 0},
      {"logit_scale", 1},         {"embedding_scale", 1},
      {"residual_scale", 1},      {"rope.scale_linear", 1}};
  if (key == "tensor_data_layout") return true;  // how the file came to be
  const auto it = kNeutral.find(key);
  return it != kNeutral.end() && it->second == value;
}

/// rope_freqs.weight divides the frequencies: longrope of one set of factors.
void set_rope(const MappedFile& file, const Json& meta, const Tensor& divisors, Json& c) {
  const auto type = meta.value("llama.rope.scaling.type", Json("none"));
  const auto factor = meta.value("llama.rope.scaling.factor", Json(1.0));
  if (type != "none" && type != "linear")
    fail("{}: llama.rope.scaling.type = {} is not supported; none and linear are", file.path(),
         shown(type));
  if (type == "linear") c["rope_scaling"] = {{"rope_type", "linear"}, {"factor", factor}};
  if (!divisors.defined()) return;
  if (type == "linear") fail("{}: has rope_freqs and a linear scaling; one of them", file.path());
  const auto flat = divisors.reshape({-1}).contiguous();
  const auto* p = flat.const_data_ptr<float>();
  const Json list = std::vector<float>(p, p + flat.numel());
  c["rope_scaling"] = {{"rope_type", "longrope"},
                       {"long_factor", list},
                       {"short_factor", list},
                       {"attention_factor", 1.0},
                       {"original_max_position_embeddings", c["max_position_embeddings"]}};
}

/// A whole number that an array or a tensor has to be sized by.
Json counted(const MappedFile& file, const Json& meta, const std::string& key, int64_t most) {
  return whole(file, key, need(file, meta, key), 1, most);
}

/// What Hugging Face's config.json would say. Every key llama.* is obeyed or refused by name.
Json config_of(const MappedFile& file, const Json& meta, bool tied, const Tensor& divisors) {
  if (need(file, meta, "general.architecture") != "llama")
    fail("{}: architecture {} is not supported; llama is", file.path(),
         shown(meta["general.architecture"]));
  // The tensors are in the file: no width can be larger than its bytes, no count than its tensors.
  constexpr int64_t kMostWidth = 1 << 22, kMostBlocks = 1 << 16;
  const auto llama = [&](const std::string& key, int64_t most) {
    return counted(file, meta, "llama." + key, most);
  };
  Json c;
  c["model_type"] = "llama";
  c["hidden_size"] = llama("embedding_length", kMostWidth);
  c["intermediate_size"] = llama("feed_forward_length", kMostWidth);
  c["num_hidden_layers"] = llama("block_count", kMostBlocks);
  c["num_attention_heads"] = llama("attention.head_count", kMostBlocks);
  c["num_key_value_heads"] = meta.contains("llama.attention.head_count_kv")
                                 ? llama("attention.head_count_kv", kMostBlocks)
                                 : c["num_attention_heads"];
  c["max_position_embeddings"] = llama("context_length", int64_t{1} << 31);
  c["rms_norm_eps"] = need(file, meta, "llama.attention.layer_norm_rms_epsilon");
  c["rope_theta"] = meta.value("llama.rope.freq_base", Json(10000.0));
  c["vocab_size"] = need(file, meta, "tokenizer.ggml.tokens").size();
  c["tie_word_embeddings"] = tied;
  c["hidden_act"] = "silu";
  const auto width = c["hidden_size"].get<int64_t>() / c["num_attention_heads"].get<int64_t>();
  const auto head = meta.contains("llama.attention.key_length")
                        ? llama("attention.key_length", kMostWidth).get<int64_t>()
                        : width;
  c["head_dim"] = head;
  const auto equals = [&](const std::string& key, int64_t expected, const char* what) {
    if (const auto it = meta.find("llama." + key); it != meta.end() && *it != expected)
      fail("{}: llama.{} = {}, where only {} ({}) is supported", file.path(), key, shown(*it),
           expected, what);
  };
  equals("attention.value_length", head, "the keys' length");
  equals("rope.dimension_count", head, "a head's length");
  equals("vocab_size", static_cast<int64_t>(c["vocab_size"]), "the number of tokens");
  set_rope(file, meta, divisors, c);
  static const std::set<std::string> kObeyed{"embedding_length",
                                             "feed_forward_length",
                                             "block_count",
                                             "attention.head_count",
                                             "attention.head_count_kv",
                                             "context_length",
                                             "attention.layer_norm_rms_epsilon",
                                             "rope.freq_base",
                                             "attention.key_length",
                                             "attention.value_length",
                                             "rope.dimension_count",
                                             "vocab_size",
                                             "rope.scaling.type",
                                             "rope.scaling.factor",
                                             "rope.scaling.original_context_length",
                                             "rope.scaling.finetuned"};
  for (const auto& [key, value] : meta.items())
    if (key.starts_with("llama.") && !kObeyed.contains(key.substr(6)) &&
        !changes_nothing(key.substr(6), value))
      fail("{}: the key {} = {} may change what the model computes, and is not supported",
           file.path(), key, shown(value));
  return c;
}

std::string hf_name(const MappedFile& file, const std::string& name) {
  if (name == "token_embd.weight") return "model.embed_tokens.weight";
  if (name == "output_norm.weight") return "model.norm.weight";
  if (name == "output.weight") return "lm_head.weight";
  static const std::map<std::string, std::string> kParts{
      {"attn_norm", "input_layernorm"},    {"attn_q", "self_attn.q_proj"},
      {"attn_k", "self_attn.k_proj"},      {"attn_v", "self_attn.v_proj"},
      {"attn_output", "self_attn.o_proj"}, {"ffn_norm", "post_attention_layernorm"},
      {"ffn_gate", "mlp.gate_proj"},       {"ffn_up", "mlp.up_proj"},
      {"ffn_down", "mlp.down_proj"}};
  const auto dot = name.find('.', 4), end = name.rfind('.');
  if (name.rfind("blk.", 0) == 0 && dot != std::string::npos && end > dot) {
    const auto it = kParts.find(name.substr(dot + 1, end - dot - 1));
    if (it != kParts.end())
      return "model.layers." + name.substr(4, dot - 4) + "." + it->second + name.substr(end);
  }
  fail("{}: the tensor {} belongs to no LLaMA", file.path(), name);
}

/// GGUF rotates neighbouring pairs, Hugging Face the two halves of a head: even rows, then odd
/// ones.
Tensor unpermute(const MappedFile& file, const Tensor& t, int64_t heads, bool bias) {
  if (t.dim() != (bias ? 1 : 2) || t.size(0) % (2 * heads) != 0)
    fail("{}: q or k does not split into heads", file.path());
  return t
      .reshape({heads, t.size(0) / heads / 2, 2, -1})  // a bias is one column
      .transpose(1, 2)
      .reshape(t.sizes())
      .contiguous();
}

int64_t heads_of(const MappedFile& file, const Json& config, const char* key) {
  constexpr int64_t kMost = 1 << 20;
  return whole(file, key, config.at(key), 1, kMost);
}

BpeVocabulary vocabulary_of(const MappedFile& file, const Json& meta) {
  BpeVocabulary v;
  const auto& kind = need(file, meta, "tokenizer.ggml.model");
  if (kind != "llama" && kind != "gpt2")
    fail("{}: tokenizer model {} is not supported; gpt2 and llama are", file.path(), shown(kind));
  // Merges without scores are byte-level BPE, whatever the file calls it.
  const bool scored = meta.contains("tokenizer.ggml.scores");
  const bool merged = meta.contains("tokenizer.ggml.merges");
  v.model = kind == "llama" && (scored || !merged) ? "llama" : "gpt2";
  try {
    v.tokens = need(file, meta, "tokenizer.ggml.tokens").get<std::vector<std::string>>();
    if (v.model == "llama")
      v.scores = need(file, meta, "tokenizer.ggml.scores").get<std::vector<float>>();
    else
      v.merges = need(file, meta, "tokenizer.ggml.merges").get<std::vector<std::string>>();
    if (meta.contains("tokenizer.ggml.token_type"))
      for (const auto& type : meta["tokenizer.ggml.token_type"])
        v.types.push_back(
            static_cast<int>(whole(file, "tokenizer.ggml.token_type", type, 0, INT32_MAX)));
    v.pre = meta.value("tokenizer.ggml.pre", "default");
    for (auto [role, key] : {std::pair(&v.bos, "tokenizer.ggml.bos_token_id"),
                             {&v.eos, "tokenizer.ggml.eos_token_id"},
                             {&v.unk, "tokenizer.ggml.unknown_token_id"}})
      if (const auto it = meta.find(key); it != meta.end())
        *role = whole(file, key, *it, 0, INT32_MAX);
    if (const auto it = meta.find("tokenizer.ggml.add_bos_token"); it != meta.end())
      v.add_bos = it->get<bool>();
    v.add_eos = meta.value("tokenizer.ggml.add_eos_token", false);
    v.add_space_prefix = meta.value("tokenizer.ggml.add_space_prefix", v.model == "llama");
    if (meta.value("tokenizer.ggml.remove_extra_whitespaces", false))
      fail("{}: tokenizer.ggml.remove_extra_whitespaces is not supported", file.path());
  } catch (const Json::exception& e) {
    fail("{}: its tokenizer is malformed: {}", file.path(), e.what());
  }
  return v;
}

}  // namespace

namespace {
constexpr const char* kRopeDivisors = "rope_freqs.weight";
}

Gguf read_gguf(const std::string& path) {
  const auto file = MappedFile::open(path);
  Cursor in(*file);
  if (in.take<uint32_t>() != 0x46554747) in.bad("is no GGUF file");
  const auto version = in.take<uint32_t>();
  if (version != 2 && version != 3)
    in.bad(fmt::format("GGUF version {} is not supported", version));
  const auto tensors = in.take<uint64_t>(), keys = in.take<uint64_t>();
  if (tensors > in.left() || keys > in.left()) in.bad("is truncated: impossible counts");
  Json meta = Json::object();
  for (uint64_t i = 0; i < keys; ++i) {
    auto name = in.text();
    meta[name] = read_any(in);
  }
  std::vector<Info> infos;
  for (uint64_t i = 0; i < tensors; ++i) infos.push_back(read_info(in));
  const auto it = meta.find("general.alignment");
  const auto alignment = static_cast<uint64_t>(
      it == meta.end() ? 32 : whole(*file, "general.alignment", *it, 1, 65536));
  const uint64_t data = (in.at() + alignment - 1) / alignment * alignment;
  Gguf out;
  const auto has = [&](const std::string& ending) {
    return std::any_of(infos.begin(), infos.end(),
                       [&](const Info& i) { return i.name.ends_with(ending); });
  };
  const auto has_exactly = [&](const std::string& name) {
    return std::any_of(infos.begin(), infos.end(), [&](const Info& i) { return i.name == name; });
  };
  const auto read = [&](const Info& info) {
    if (info.offset > file->size())
      fail("{}: tensor {} runs past the end of the file, which may be truncated", path, info.name);
    return dequantise(*file, info.name, info.type, info.shape, data + info.offset);
  };
  Tensor divisors;
  for (const auto& info : infos)
    if (info.name == kRopeDivisors) divisors = read(info);
  out.config = config_of(*file, meta, !has_exactly("output.weight"), divisors);
  out.config["attention_bias"] = has("attn_q.bias") || has("attn_output.bias");
  out.config["mlp_bias"] = has("ffn_up.bias");
  for (const auto& info : infos) {
    if (info.name == kRopeDivisors) continue;
    auto t = read(info);
    const auto name = hf_name(*file, info.name);
    if (name.find("q_proj.") != std::string::npos)
      t = unpermute(*file, t, heads_of(*file, out.config, "num_attention_heads"),
                    name.ends_with(".bias"));
    if (name.find("k_proj.") != std::string::npos)
      t = unpermute(*file, t, heads_of(*file, out.config, "num_key_value_heads"),
                    name.ends_with(".bias"));
    if (!out.tensors.emplace(name, std::move(t)).second)
      fail("{}: holds the tensor {} twice", path, info.name);
  }
  out.vocabulary = vocabulary_of(*file, meta);
  return out;
}

}  // namespace bench
