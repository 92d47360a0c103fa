// The tokenizer of a GGUF file, by way of the tokenizer.json that Hugging Face would hold: one road
// for reading and for export.
#include "tokenizers/gguf_tokenizer.h"

#include <algorithm>
#include <map>

#include "base/digest.h"
#include "base/error.h"
#include "base/near.h"
#include "base/utf8.h"
#include "tokenizers/huggingface/pipeline.h"
#include "tokenizers/huggingface/tokenizer_json.h"
#include "tokenizers/llama.h"

namespace bench {
namespace {

using text::Json;

Json byte_level(bool use_regex) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", false},
          {"trim_offsets", true},
          {"use_regex", use_regex}};
}

Json pattern_then_bytes(const char* pattern) {
  return {{"type", "Sequence"},
          {"pretokenizers", Json::array({{{"type", "Split"},
                                          {"pattern", {{"Regex", pattern}}},
                                          {"behavior", "Isolated"},
                                          {"invert", false}},
                                         byte_level(false)})}};
}

// Patterns of the tokenizers' own files (Meta's llama-3, Qwen2, Mistral's tekken).
constexpr const char* kLlama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kQwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kTekken =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

/// How a file's pre-tokenizer cuts, by its name (llama.cpp, src/llama-vocab.cpp).
struct PreTokenizerKind {
  Json json;
  bool ignore_merges = false;  // a piece that is a token is taken whole
  bool adds_bos = false;       // where the file does not say
};

const std::map<std::string, PreTokenizerKind>& kinds() {
  static const auto all = [] {
    std::map<std::string, PreTokenizerKind> k;
    const Json digits{
        {"type", "Sequence"},
        {"pretokenizers",
         Json::array({{{"type", "Digits"}, {"individual_digits", true}}, byte_level(true)})}};
    for (const char* name : {"gpt-2", "phi-2", "roberta-bpe", "olmo", "jais"})
      k[name] = {byte_level(true)};
    for (const char* name : {"smollm", "starcoder", "refact", "codeshell", "command-r"})
      k[name] = {digits};
    for (const char* name : {"llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral"})
      k[name] = {pattern_then_bytes(kLlama3), true, true};
    for (const char* name : {"dbrx", "smaug-bpe"}) k[name] = {pattern_then_bytes(kLlama3)};
    for (const char* name : {"qwen2", "deepseek-r1-qwen", "stablelm2"})
      k[name] = {pattern_then_bytes(kQwen2)};
    k["tekken"] = {pattern_then_bytes(kTekken), true};
    return k;
  }();
  return all;
}

const PreTokenizerKind& kind_of(const std::string& name) {
  const auto it = kinds().find(name);
  if (it != kinds().end()) return it->second;
  std::vector<std::string> known;
  for (const auto& [n, kind] : kinds()) known.push_back(n);
  fail("the pre-tokenizer \"{}\" of a GGUF file is not supported{}", name, suggestion(name, known));
}

constexpr int kUnknown = 2, kControl = 3, kUserDefined = 4;

bool adds_bos(const BpeVocabulary& v) {
  return v.add_bos.value_or(v.model == "llama" || kind_of(v.pre).adds_bos);
}

void check(const BpeVocabulary& v) {
  const auto same = [&](size_t count, const char* what) {
    if (count != v.tokens.size())
      fail("a GGUF vocabulary has {} tokens but {} {}", v.tokens.size(), count, what);
  };
  if (!v.types.empty()) same(v.types.size(), "token types");
  if (v.model == "llama") same(v.scores.size(), "scores");
  const auto size = static_cast<int64_t>(v.tokens.size());
  for (const auto& role : {v.bos, v.eos, v.unk})
    if (role && (*role < 0 || *role >= size))
      fail("a GGUF vocabulary of {} tokens names the special id {}", size, *role);
  for (const auto& token : v.tokens)
    if (text::invalid_utf8(token) != std::string::npos)
      fail("a GGUF vocabulary holds a token that is not valid UTF-8");
}

Json added_tokens(const BpeVocabulary& v) {
  Json added = Json::array();
  for (size_t i = 0; i < v.types.size(); ++i) {
    const bool unknown = v.model == "llama" && v.types[i] == kUnknown;
    if (v.types[i] != kControl && v.types[i] != kUserDefined && !unknown) continue;
    // A user-defined token of SentencePiece is text; GPT-2's are special in the files they come
    // from.
    const bool special = v.model != "llama" || v.types[i] != kUserDefined;
    added.push_back({{"id", i},
                     {"content", v.tokens[i]},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", special}});
  }
  return added;
}

/// BOS in front and EOS behind, where the file asks for them.
Json post_processor(const BpeVocabulary& v) {
  Json single = Json::array(), specials = Json::object();
  const auto add = [&](int64_t id) {
    const auto& token = v.tokens.at(static_cast<size_t>(id));
    single.push_back({{"SpecialToken", {{"id", token}, {"type_id", 0}}}});
    specials[token] = {{"id", token}, {"ids", {id}}, {"tokens", {token}}};
  };
  if (adds_bos(v) && v.bos) add(*v.bos);
  single.push_back({{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
  if (v.add_eos && v.eos) add(*v.eos);
  if (specials.empty()) return nullptr;
  auto pair = single;
  for (auto item : single) {
    if (item.contains("Sequence")) item["Sequence"]["id"] = "B";
    pair.push_back(item);
  }
  return {{"type", "TemplateProcessing"},
          {"single", single},
          {"pair", pair},
          {"special_tokens", specials}};
}

Json sentencepiece_normalizer(const BpeVocabulary& v) {
  const std::string blank(text::kBlank);
  Json steps = Json::array();
  if (v.add_space_prefix) steps.push_back({{"type", "Prepend"}, {"prepend", blank}});
  steps.push_back({{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", blank}});
  return {{"type", "Sequence"}, {"normalizers", steps}};
}

Json sentencepiece_decoder(const BpeVocabulary& v) {
  Json steps = Json::array({{{"type", "Replace"},
                             {"pattern", {{"String", std::string(text::kBlank)}}},
                             {"content", " "}},
                            {{"type", "ByteFallback"}},
                            {{"type", "Fuse"}}});
  if (v.add_space_prefix)
    steps.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  return {{"type", "Sequence"}, {"decoders", steps}};
}

Json model_json(const BpeVocabulary& v) {
  Json vocabulary = Json::object(), merges = Json::array();
  for (size_t i = 0; i < v.tokens.size(); ++i) vocabulary[v.tokens[i]] = i;
  Json model{{"type", "BPE"}, {"vocab", std::move(vocabulary)}};
  if (v.model != "llama") {
    model["merges"] = v.merges;
    model["ignore_merges"] = kind_of(v.pre).ignore_merges;
    return model;
  }
  for (const auto& [left, right] : text::generate_merges(text::Vocabulary(v.tokens), &v.scores))
    merges.push_back({left, right});
  model["merges"] = std::move(merges);
  auto unk = v.unk;
  for (size_t i = 0; i < v.types.size() && !unk; ++i)
    if (v.types[i] == kUnknown) unk = static_cast<int64_t>(i);
  if (unk) model["unk_token"] = v.tokens.at(static_cast<size_t>(*unk));
  model["fuse_unk"] = model["byte_fallback"] = true;
  return model;
}

Json tokenizer_json(const BpeVocabulary& v) {
  check(v);
  const bool pieces = v.model == "llama";
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", added_tokens(v)},
          {"normalizer", pieces ? sentencepiece_normalizer(v) : Json()},
          {"pre_tokenizer", pieces ? Json() : kind_of(v.pre).json},
          {"post_processor", post_processor(v)},
          {"decoder", pieces ? sentencepiece_decoder(v) : byte_level(true)},
          {"model", model_json(v)}};
}

}  // namespace

std::unique_ptr<Tokenizer> make_gguf_tokenizer(BpeVocabulary v) {
  auto parts = text::parts_from_json(tokenizer_json(v), "GGUF");
  const auto hash = sha256_hex(v.hash + "\n" + (v.model == "llama" ? "llama" : v.pre) + "\njson");
  auto tokenizer =
      std::make_unique<text::Pipeline>(std::move(parts), text::Pipeline::Names{}, "json", hash);
  tokenizer->default_specials(v.bos, v.eos);
  return tokenizer;
}

std::string gguf_tokenizer_json(const BpeVocabulary& v) {
  return tokenizer_json(v).dump() + "\n";
}

std::string gguf_tokenizer_config(const BpeVocabulary& v) {
  Json config = {{"tokenizer_class", "PreTrainedTokenizerFast"},
                 {"clean_up_tokenization_spaces", false},
                 {"add_bos_token", adds_bos(v) && v.bos}};
  if (v.bos) config["bos_token"] = v.tokens.at(static_cast<size_t>(*v.bos));
  if (v.eos) config["eos_token"] = v.tokens.at(static_cast<size_t>(*v.eos));
  if (v.unk && v.model == "llama") config["unk_token"] = v.tokens.at(static_cast<size_t>(*v.unk));
  return config.dump(2) + "\n";
}

}  // namespace bench
