#include <algorithm>

#include "base/error.h"
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
