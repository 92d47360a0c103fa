#include "formats/gguf.h"

#include <cstring>
#include <limits>

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

Json config_of(const MappedFile& file, const Json& meta, bool tied) {
  const auto llama = [&](const std::string& key) { return need(file, meta, "llama." + key); };
  if (need(file, meta, "general.architecture") != "llama")
    fail("{}: architecture {} is not supported; llama is", file.path(),
         shown(meta["general.architecture"]));
  Json c;
  c["model_type"] = "llama";
  c["hidden_size"] = llama("embedding_length");
  c["intermediate_size"] = llama("feed_forward_length");
  c["num_hidden_layers"] = llama("block_count");
  c["num_attention_heads"] = llama("attention.head_count");
  c["num_key_value_heads"] = meta.value("llama.attention.head_count_kv", c["num_attention_heads"]);
  c["max_position_embeddings"] = llama("context_length");
  c["rms_norm_eps"] = llama("attention.layer_norm_rms_epsilon");
  c["rope_theta"] = meta.value("llama.rope.freq_base", Json(10000.0));
  c["vocab_size"] = need(file, meta, "tokenizer.ggml.tokens").size();
  c["tie_word_embeddings"] = tied;
  c["hidden_act"] = "silu";
  for (const auto& [key, value] : meta.items())
    if (key.rfind("llama.rope.scaling", 0) == 0) fail("{}: {} is not supported", file.path(), key);
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
Tensor unpermute(const MappedFile& file, const Tensor& t, int64_t heads) {
  if (t.dim() != 2 || t.size(0) % (2 * heads) != 0)
    fail("{}: q or k does not split into heads", file.path());
  return t.reshape({heads, t.size(0) / heads / 2, 2, t.size(1)})
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
  if (need(file, meta, "tokenizer.ggml.model") != "gpt2")
    fail("{}: tokenizer model {} is not supported; gpt2 is", file.path(),
         shown(meta["tokenizer.ggml.model"]));
  try {
    v.tokens = need(file, meta, "tokenizer.ggml.tokens").get<std::vector<std::string>>();
    v.merges = need(file, meta, "tokenizer.ggml.merges").get<std::vector<std::string>>();
    if (meta.contains("tokenizer.ggml.token_type"))
      for (const auto& type : meta["tokenizer.ggml.token_type"])
        v.types.push_back(static_cast<int>(
            whole(file, "tokenizer.ggml.token_type", type, 0, INT32_MAX)));
    v.pre = meta.value("tokenizer.ggml.pre", "default");
    for (auto [role, key] : {std::pair(&v.bos, "tokenizer.ggml.bos_token_id"),
                             {&v.eos, "tokenizer.ggml.eos_token_id"}})
      if (const auto it = meta.find(key); it != meta.end())
        *role = whole(file, key, *it, 0, INT32_MAX);
    v.add_bos = meta.value("tokenizer.ggml.add_bos_token", false);
  } catch (const Json::exception& e) {
    fail("{}: its tokenizer is malformed: {}", file.path(), e.what());
  }
  return v;
}

}  // namespace

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
  const bool tied = std::none_of(infos.begin(), infos.end(),
                                 [](const Info& i) { return i.name == "output.weight"; });
  out.config = config_of(*file, meta, tied);
  for (const auto& info : infos) {
    if (info.offset > file->size())
      fail("{}: tensor {} runs past the end of the file, which may be truncated", path, info.name);
    auto t = dequantise(*file, info.name, info.type, info.shape, data + info.offset);
    const auto name = hf_name(*file, info.name);
    if (name.ends_with("q_proj.weight"))
      t = unpermute(*file, t, heads_of(*file, out.config, "num_attention_heads"));
    if (name.ends_with("k_proj.weight"))
      t = unpermute(*file, t, heads_of(*file, out.config, "num_key_value_heads"));
    out.tensors.emplace(name, std::move(t));
  }
  out.vocabulary = vocabulary_of(*file, meta);
  return out;
}

}  // namespace bench
