#include <algorithm>

#include "base/digest.h"
#include "base/error.h"
#include "base/near.h"
#include "tokenizers/gguf_tokenizer.h"
#include "tokenizers/builders.h"
#include "tokenizers/huggingface/pipeline.h"
#include "tokenizers/huggingface/tokenizer_json.h"

namespace bench::text {

namespace {

AddedToken special_token(const std::string& content) {
  AddedToken token;
  token.content = content;
  token.special = true;
  token.normalized = false;
  return token;
}

Json byte_level(bool add_prefix_space) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", add_prefix_space}, {"use_regex", true}};
}

std::vector<Merge> read_merges(const std::string& text, const std::string& file) {
  std::vector<Merge> merges;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line = std::string_view(text).substr(at, end - at);
    at = end + 1;
    if (line.ends_with('\r')) line.remove_suffix(1);
    // The version line is optional: OPT's file has it, others do not.
    if (line.empty() || line.starts_with("#version")) continue;
    if (std::count(line.begin(), line.end(), ' ') != 1)
      fail("{}: \"{}\" is not two parts with a blank between them", file, line);
    merges.push_back(merge_of_line(line));
  }
  return merges;
}

/// Where no file says which tokens are special, GPT-2 and OPT are told by their vocabularies.
void guess_roles(const Vocabulary& vocabulary, const std::string& file, TokenizerConfig& config) {
  const auto at = [&](const char* token) { return vocabulary.id(token).value_or(-1); };
  // OPT's vocabulary starts like RoBERTa's, which is no language model.
  const bool opt = at("<s>") == 0 && at("<pad>") == 1 && at("</s>") == 2 && at("<unk>") == 3;
  if (opt) {
    config.bos = config.eos = config.unk = "</s>";
    config.pad = "<pad>";
    config.add_bos = true;
  } else if (at("<|endoftext|>") >= 0) {
    config.bos = config.eos = config.unk = "<|endoftext|>";
  } else {
    fail(
        "{} is neither GPT-2's nor OPT's vocabulary; put a tokenizer_config.json beside it that "
        "names bos_token and eos_token",
        file);
  }
}

}  // namespace

std::unique_ptr<Tokenizer> build_vocab_merges(SourceFiles& files, const std::string& variant) {
  const std::string where = files.path("vocab.json");
  Vocabulary vocabulary(vocab_from_json(parse_json(files.bytes("vocab.json"), where), where));
  const auto merges = read_merges(files.bytes("merges.txt"), files.path("merges.txt"));
  TokenizerConfig config = read_config(files);
  if (!config.states_bos && !config.states_eos) guess_roles(vocabulary, where, config);
  PipelineParts parts;
  const auto bos = config.bos ? vocabulary.id(*config.bos) : std::nullopt;
  const auto eos = config.eos ? vocabulary.id(*config.eos) : std::nullopt;
  if (config.add_bos.value_or(false) && bos) parts.prefix = {*bos};
  if (config.add_eos.value_or(false) && eos) parts.suffix = {*eos};
  for (const auto& [id, token] : config.added) {
    parts.added.push_back(token);
    parts.added.back().stated = id;
  }
  std::vector<std::string> names = config.additional;
  for (const auto& role : {config.bos, config.eos, config.unk, config.pad})
    if (role) names.push_back(*role);
  for (const auto& name : names) {
    const auto same = [&](const AddedToken& token) { return token.content == name; };
    if (std::none_of(parts.added.begin(), parts.added.end(), same))
      parts.added.push_back(special_token(name));
  }
  parts.model = std::make_unique<Bpe>(std::move(vocabulary), merges, BpeOptions{});
  parts.pre_tokenizer = make_pre_tokenizer(byte_level(config.add_prefix_space.value_or(false)), "");
  parts.decoder = make_decoder({{"type", "ByteLevel"}}, "");
  auto tokenizer = std::make_unique<Pipeline>(
      std::move(parts), Pipeline::Names{config.bos, config.eos}, variant, files.hash(variant));
  tokenizer->default_specials(config.bos_id, config.eos_id);
  return tokenizer;
}

}  // namespace bench::text

namespace bench {

namespace {

bool is_special(int type) {
  constexpr int kControl = 3, kUserDefined = 4;
  return type == kControl || type == kUserDefined;
}

/// The pre-tokenizers of GGUF files (llama.cpp, llama-vocab.cpp) that are known to be these two:
/// GPT-2's pattern, with every digit cut out before it or not.
text::Json gguf_pre_tokenizer(const std::string& name) {
  const std::vector<std::string> plain = {"gpt-2"};
  const std::vector<std::string> digits = {"smollm", "starcoder", "refact", "codeshell"};
  const auto in = [&](const auto& names) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  if (in(plain)) return text::byte_level(false);
  if (in(digits)) {
    return {{"type", "Sequence"},
            {"pretokenizers", text::Json::array({{{"type", "Digits"}, {"individual_digits", true}},
                                                 text::byte_level(false)})}};
  }
  std::vector<std::string> known = plain;
  known.insert(known.end(), digits.begin(), digits.end());
  fail("the pre-tokenizer \"{}\" of a GGUF file is not supported{}", name, suggestion(name, known));
}

}  // namespace

std::unique_ptr<Tokenizer> make_gguf_tokenizer(BpeVocabulary vocabulary) {
  using namespace text;
  if (!vocabulary.types.empty() && vocabulary.types.size() != vocabulary.tokens.size()) {
    fail("a GGUF vocabulary has {} tokens but {} token types", vocabulary.tokens.size(),
         vocabulary.types.size());
  }
  const auto size = static_cast<int64_t>(vocabulary.tokens.size());
  for (const auto& role : {vocabulary.bos, vocabulary.eos}) {
    if (role && (*role < 0 || *role >= size))
      fail("a GGUF vocabulary of {} tokens names the special id {}", size, *role);
  }
  PipelineParts parts;
  parts.pre_tokenizer = make_pre_tokenizer(gguf_pre_tokenizer(vocabulary.pre), "GGUF");
  parts.decoder = make_decoder({{"type", "ByteLevel"}}, "GGUF");
  if (vocabulary.add_bos && vocabulary.bos) parts.prefix = {*vocabulary.bos};
  for (size_t i = 0; i < vocabulary.types.size(); ++i) {
    const int type = vocabulary.types[i];
    if (is_special(type))
      parts.added.push_back(special_token(vocabulary.tokens[i]));
  }
  std::vector<Merge> merges;
  merges.reserve(vocabulary.merges.size());
  for (const auto& line : vocabulary.merges) merges.push_back(merge_of_line(line));
  parts.model =
      std::make_unique<Bpe>(Vocabulary(std::move(vocabulary.tokens)), merges, BpeOptions{});
  const std::string hash = sha256_hex(vocabulary.hash + "\n" + vocabulary.pre + "\njson");
  auto tokenizer = std::make_unique<Pipeline>(std::move(parts), Pipeline::Names{}, "json", hash);
  tokenizer->default_specials(vocabulary.bos, vocabulary.eos);
  return tokenizer;
}

std::string gguf_tokenizer_json(const BpeVocabulary& v) {
  using text::Json;
  Json vocabulary = Json::object(), added = Json::array();
  for (size_t i = 0; i < v.tokens.size(); ++i) {
    vocabulary[v.tokens[i]] = i;
    if (i < v.types.size() && is_special(v.types[i]))
      added.push_back({{"id", i},
                       {"content", v.tokens[i]},
                       {"single_word", false},
                       {"lstrip", false},
                       {"rstrip", false},
                       {"normalized", false},
                       {"special", true}});
  }
  Json first = nullptr;
  if (v.add_bos && v.bos) {
    const auto& bos = v.tokens.at(static_cast<size_t>(*v.bos));
    const Json bos_then = {{"SpecialToken", {{"id", bos}, {"type_id", 0}}}};
    const auto text_of = [](const char* id) {
      return Json{{"Sequence", {{"id", id}, {"type_id", 0}}}};
    };
    first = {{"type", "TemplateProcessing"},
             {"single", {bos_then, text_of("A")}},
             {"pair", {bos_then, text_of("A"), bos_then, text_of("B")}},
             {"special_tokens", {{bos, {{"id", bos}, {"ids", {*v.bos}}, {"tokens", {bos}}}}}}};
  }
  const Json whole{{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", added},
          {"normalizer", nullptr},
          {"pre_tokenizer", gguf_pre_tokenizer(v.pre)},
          {"post_processor", first},
          {"decoder", text::byte_level(false)},
          {"model", {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", v.merges}}}};
  return whole.dump() + "\n";
}

std::string gguf_tokenizer_config(const BpeVocabulary& v) {
  text::Json config = {{"tokenizer_class", "PreTrainedTokenizerFast"},
                       {"clean_up_tokenization_spaces", false},
                       {"add_bos_token", v.add_bos && v.bos}};
  if (v.bos) config["bos_token"] = v.tokens.at(static_cast<size_t>(*v.bos));
  if (v.eos) config["eos_token"] = v.tokens.at(static_cast<size_t>(*v.eos));
  return config.dump(2) + "\n";
}

}  // namespace bench
