#include "tokenizers/source_files.h"

#include "base/digest.h"
#include "base/error.h"

namespace bench::text {

namespace fs = std::filesystem;

const std::vector<std::string>& tokenizer_files() {
  static const std::vector<std::string> names{"tokenizer.json",
                                              "tokenizer.model",
                                              "tokenizer_config.json",
                                              "special_tokens_map.json",
                                              "vocab.json",
                                              "vocab.txt",
                                              "merges.txt"};
  return names;
}

SourceFiles::SourceFiles(const fs::path& folder_or_file) : location_(folder_or_file) {
  if (fs::is_directory(location_)) {
    folder_ = location_;
    if (has("tokenizer.model")) sentencepiece_ = "tokenizer.model";
    if (has("tokenizer.json")) json_ = "tokenizer.json";
    pair_ = has("vocab.json") && has("merges.txt");
    words_ = has("vocab.txt");
    if (sentencepiece_.empty() && json_.empty() && !pair_ && !words_) {
      fail(
          "{} holds no tokenizer; it needs tokenizer.json, tokenizer.model, vocab.txt, or "
          "vocab.json and merges.txt",
          location_.string());
    }
    return;
  }
  if (!fs::exists(location_)) fail("{} does not exist; check the path", location_.string());
  folder_ = location_.parent_path();
  const std::string name = location_.filename().string();
  if (name == "vocab.json" || name == "merges.txt") {
    pair_ = has("vocab.json") && has("merges.txt");
    if (!pair_) fail("{} needs vocab.json and merges.txt side by side", location_.string());
  } else if (name == "vocab.txt") {
    words_ = true;
  } else if (name.ends_with(".model")) {
    sentencepiece_ = name;
  } else if (name.ends_with(".json")) {
    json_ = name;
  } else {
    fail("{} is neither a .json nor a .model file; name a tokenizer's folder or file",
         location_.string());
  }
}

bool SourceFiles::has(const std::string& name) const {
  return fs::is_regular_file(folder_ / name);
}

std::string SourceFiles::path(const std::string& name) const {
  return (folder_ / name).string();
}

const std::string& SourceFiles::bytes(const std::string& name) {
  const auto known = read_.find(name);
  if (known != read_.end()) return known->second;
  return read_[name] = read_bytes(folder_ / name);
}

std::string SourceFiles::hash(const std::string& variant) const {
  Sha256 digest;
  for (const auto& [name, bytes] : read_) {
    digest.update(fmt::format("{}\n{}\n", name, bytes.size()));
    digest.update(bytes);
  }
  digest.update(variant);
  return digest.hex();
}

namespace {

/// A special token: its text, or an object that holds it as "content".
std::optional<std::string> token_text(const Json& value, const std::string& where) {
  if (value.is_null()) return std::nullopt;
  if (value.is_string()) return value.get<std::string>();
  return get_string(value, "content", where);
}

void read_roles(const Json& config, const std::string& where, TokenizerConfig& out) {
  const auto role = [&](const char* key, std::optional<std::string>& token) {
    if (!config.contains(key)) return false;
    if (!token) token = token_text(config[key], where + ": " + key);
    return true;
  };
  if (!out.states_bos) out.states_bos = role("bos_token", out.bos);
  if (!out.states_eos) out.states_eos = role("eos_token", out.eos);
  role("unk_token", out.unk);
  role("pad_token", out.pad);
  role("cls_token", out.cls);
  role("sep_token", out.sep);
  role("mask_token", out.mask);
  for (const char* key : {"additional_special_tokens", "extra_special_tokens"}) {
    if (!has(config, key) || !config[key].is_array()) continue;
    for (const Json& token : config[key]) {
      if (const auto text = token_text(token, where + ": " + key)) out.additional.push_back(*text);
    }
  }
}

int64_t decoder_id(const std::string& key, const std::string& where) {
  int64_t id = 0;
  for (const char c : key) {
    if (c < '0' || c > '9' || id > INT32_MAX) fail("{} has the key \"{}\", not an id", where, key);
    id = id * 10 + (c - '0');
  }
  return id;
}

void read_tokenizer_config(const Json& config, const std::string& where, TokenizerConfig& out) {
  out.present = true;
  const auto flag = [&](const char* key) -> std::optional<bool> {
    if (!has(config, key)) return std::nullopt;
    return get_bool(config, key, false, where);
  };
  out.add_bos = flag("add_bos_token");
  out.add_eos = flag("add_eos_token");
  out.legacy = flag("legacy");
  out.add_prefix_space = flag("add_prefix_space");
  out.lower_case = flag("do_lower_case");
  out.chinese_chars = flag("tokenize_chinese_chars");
  out.strip_accents = flag("strip_accents");
  out.tokenizer_class = get_string(config, "tokenizer_class", "", where);
  if (out.tokenizer_class.ends_with("Fast"))
    out.tokenizer_class.resize(out.tokenizer_class.size() - 4);
  if (!has(config, "added_tokens_decoder")) return;
  const std::string part = where + ": added_tokens_decoder";
  const Json& added = config["added_tokens_decoder"];
  if (!added.is_object()) fail("{} is not an object", part);
  for (const auto& [key, token] : added.items())
    out.added[decoder_id(key, part)] = added_token_from_json(token, part);
}

/// config.json gives ids; an eos may be a list, of which the first is the usual one.
std::optional<int64_t> config_id(const Json& config, const char* key, const std::string& where) {
  if (!has(config, key)) return std::nullopt;
  const Json& value = config[key];
  if (!value.is_array()) return get_int(config, key, where);
  if (value.empty() || !value[0].is_number_integer()) return std::nullopt;
  return value[0].get<int64_t>();
}

}  // namespace

TokenizerConfig read_config(SourceFiles& files) {
  TokenizerConfig out;
  const auto read = [&](const char* name) {
    Json json = parse_json(files.bytes(name), files.path(name));
    if (!json.is_object()) fail("{} is not a JSON object", files.path(name));
    return json;
  };
  if (files.has("tokenizer_config.json")) {
    const Json config = read("tokenizer_config.json");
    read_roles(config, files.path("tokenizer_config.json"), out);
    read_tokenizer_config(config, files.path("tokenizer_config.json"), out);
  }
  if (files.has("special_tokens_map.json"))
    read_roles(read("special_tokens_map.json"), files.path("special_tokens_map.json"), out);
  const bool silent = !out.states_bos || !out.states_eos || out.tokenizer_class.empty();
  if (silent && files.has("config.json")) {
    const Json config = read("config.json");
    const std::string where = files.path("config.json");
    if (!out.states_bos) out.bos_id = config_id(config, "bos_token_id", where);
    if (!out.states_eos) out.eos_id = config_id(config, "eos_token_id", where);
    if (has(config, "model_type")) out.model_type = get_string(config, "model_type", "", where);
  }
  return out;
}

}  // namespace bench::text
