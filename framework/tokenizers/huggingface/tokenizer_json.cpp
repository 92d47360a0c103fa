#include "tokenizers/huggingface/tokenizer_json.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "base/error.h"
#include "base/near.h"
#include "tokenizers/builders.h"
#include "tokenizers/huggingface/word_piece.h"
#include "tokenizers/sentencepiece/unigram.h"

namespace bench::text {

std::vector<std::pair<std::string, int64_t>> vocab_from_json(const Json& vocab,
                                                             const std::string& where) {
  if (!vocab.is_object()) fail("{}: the vocabulary is not an object", where);
  std::vector<std::pair<std::string, int64_t>> entries;
  entries.reserve(vocab.size());
  for (const auto& [token, id] : vocab.items()) {
    const bool fits = id.is_number_integer() && id.get<int64_t>() >= 0;
    if (!fits) fail("{}: the vocabulary gives \"{}\" no id", where, token);
    entries.emplace_back(token, id.get<int64_t>());
  }
  return entries;
}

std::vector<Merge> merges_from_json(const Json& merges, const std::string& where) {
  std::vector<Merge> out;
  out.reserve(merges.size());
  for (const Json& merge : merges) {
    if (merge.is_string()) {
      out.push_back(merge_of_line(merge.get<std::string>()));
      continue;
    }
    const bool pair =
        merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string();
    if (!pair) fail("{}: merge {} is neither \"a b\" nor [\"a\", \"b\"]", where, out.size());
    out.emplace_back(merge[0].get<std::string>(), merge[1].get<std::string>());
  }
  return out;
}

std::vector<AddedToken> added_from_json(const Json& file, const std::string& where) {
  std::vector<AddedToken> tokens;
  if (!has(file, "added_tokens")) return tokens;
  const std::string part = where + ": added_tokens";
  for (const Json& token : get_array(file, "added_tokens", where)) {
    tokens.push_back(added_token_from_json(token, part));
    tokens.back().stated = get_int(token, "id", part);
  }
  std::stable_sort(tokens.begin(), tokens.end(),
                   [](const auto& a, const auto& b) { return a.stated < b.stated; });
  return tokens;
}

namespace {

std::unique_ptr<Model> bpe_from_json(const Json& model, const std::string& where) {
  // Dropout makes ids random; prefixes and suffixes of words belong to other families.
  if (has(model, "dropout") && model["dropout"] != 0)
    fail("{} has a dropout, which makes ids random; set it to null", where);
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (!get_string(model, key, "", where).empty())
      fail("{} has a {}, which is not supported", where, key);
  }
  BpeOptions options;
  if (has(model, "unk_token")) options.unk_token = get_string(model, "unk_token", where);
  options.fuse_unk = get_bool(model, "fuse_unk", false, where);
  options.byte_fallback = get_bool(model, "byte_fallback", false, where);
  options.ignore_merges = get_bool(model, "ignore_merges", false, where);
  Vocabulary vocabulary(vocab_from_json(get(model, "vocab", where), where));
  const auto merges = merges_from_json(get_array(model, "merges", where), where);
  return std::make_unique<Bpe>(std::move(vocabulary), merges, options);
}

/// A score as serde_json reads it without its feature float_roundtrip: all digits as one whole
/// number, then one multiplication or division by a power of ten. Where two ways to cut a text cost
/// the same, the last bit decides. The text is the shortest that reads back equal, as files are
/// written.
double serde_float(const std::string& text) {
  constexpr uint64_t kMost = UINT64_MAX;
  uint64_t significand = 0;
  int exponent = 0;
  bool behind_point = false, full = false;
  size_t at = text.starts_with('-') ? 1 : 0;
  for (; at < text.size() && text[at] != 'e' && text[at] != 'E'; ++at) {
    if (text[at] == '.') {
      behind_point = true;
      continue;
    }
    const auto digit = static_cast<uint64_t>(text[at] - '0');
    full = full || significand > (kMost - digit) / 10;
    if (!full) significand = significand * 10 + digit;
    exponent += full ? !behind_point : behind_point ? -1 : 0;
  }
  if (at < text.size()) exponent += std::atoi(text.c_str() + at + 1);
  auto value = static_cast<double>(significand);
  for (; exponent < -308; exponent += 308) value /= 1e308;
  const double power = std::pow(10.0, std::abs(exponent));
  value = exponent < 0 ? value / power : value * power;
  return text.starts_with('-') ? -value : value;
}

std::unique_ptr<Model> unigram_from_json(const Json& model, const std::string& where) {
  std::vector<std::pair<std::string, double>> pieces;
  for (const Json& piece : get_array(model, "vocab", where)) {
    const bool pair =
        piece.is_array() && piece.size() == 2 && piece[0].is_string() && piece[1].is_number();
    if (!pair) fail("{}: vocabulary entry {} is not [token, score]", where, pieces.size());
    pieces.emplace_back(piece[0].get<std::string>(), piece[1].is_number_float()
                                                         ? serde_float(piece[1].dump())
                                                         : piece[1].get<double>());
  }
  std::optional<int64_t> unk;
  if (has(model, "unk_id")) unk = get_int(model, "unk_id", where);
  return std::make_unique<Unigram>(std::move(pieces), unk,
                                   get_bool(model, "byte_fallback", false, where));
}

/// One item of a template: the text itself, or a special token's ids.
bool is_text(const Json& item, const std::string& where) {
  if (!has(item, "Sequence")) return false;
  const auto id = get_string(item["Sequence"], "id", where);
  if (id != "A") fail("{} has the sequence {} in its template for one text", where, id);
  return true;
}

void template_ids(const Json& processor, const Json& item, const std::string& where,
                  std::vector<int64_t>& ids) {
  const auto name = get_string(get(item, "SpecialToken", where), "id", where);
  const Json& special = get(get(processor, "special_tokens", where), name, where);
  for (const Json& id : get_array(special, "ids", where)) {
    const bool fits = id.is_number_integer() && id.get<int64_t>() >= 0;
    if (!fits) fail("{} gives {} an id that is none", where, name);
    ids.push_back(id.get<int64_t>());
  }
}

}  // namespace

std::unique_ptr<Model> model_from_json(const Json& model, const std::string& where) {
  // Files from before "type" was written have BPE where there are merges.
  const std::string guess = has(model, "merges") ? "BPE" : "Unigram";
  const std::string type = get_string(model, "type", guess, where);
  if (type == "BPE") return bpe_from_json(model, where);
  if (type == "Unigram") return unigram_from_json(model, where);
  if (type == "WordPiece" || type == "WordLevel") {
    const bool pieces = type == "WordPiece";
    WordOptions options;
    options.unk_token = get_string(model, "unk_token", where);
    options.pieces = pieces;
    if (pieces) {
      options.prefix = get_string(model, "continuing_subword_prefix", "##", where);
      if (has(model, "max_input_chars_per_word"))
        options.longest = get_int(model, "max_input_chars_per_word", where);
    }
    return std::make_unique<WordPiece>(
        Vocabulary(vocab_from_json(get(model, "vocab", where), where)), options, where);
  }
  fail("{} is of type {}, which is not supported{}", where, type,
       suggestion(type, {"BPE", "Unigram", "WordPiece", "WordLevel"}));
}

namespace {

/// The pair's part of a template: items are {"Sequence"|"SpecialToken": {"id", "type_id"}}.
void pair_from_template(const Json& processor, const std::string& where, PipelineParts& parts) {
  if (!has(processor, "pair")) return;
  for (const Json& item : get_array(processor, "pair", where)) {
    if (has(item, "Sequence")) {
      const auto id = get_string(item["Sequence"], "id", where);
      parts.pair.push_back({id == "A" ? 0 : 1, 0, get_int(item["Sequence"], "type_id", where)});
      continue;
    }
    std::vector<int64_t> ids;
    template_ids(processor, item, where, ids);
    for (const auto id : ids)
      parts.pair.push_back({-1, id, get_int(get(item, "SpecialToken", where), "type_id", where)});
  }
}

/// ["[SEP]", 102]
int64_t token_and_id(const Json& processor, const char* key, const std::string& where) {
  const Json& pair = get_array(processor, key, where);
  if (pair.size() != 2 || !pair[1].is_number_integer() || pair[1].get<int64_t>() < 0)
    fail("{}: {} is no [token, id]", where, key);
  return pair[1].get<int64_t>();
}

/// BERT: cls A sep, cls A sep B sep, the second text and its end of type 1. RoBERTa: two sep
/// between the texts, all of type 0 (processors/bert.rs, roberta.rs).
void fixed_template(const Json& processor, bool roberta, const std::string& where,
                    PipelineParts& parts) {
  const auto sep = token_and_id(processor, "sep", where);
  const auto cls = token_and_id(processor, "cls", where);
  const int64_t second = roberta ? 0 : 1;
  parts.prefix.insert(parts.prefix.begin(), cls);
  parts.suffix.push_back(sep);
  parts.pair = {{-1, cls, 0}, {0, 0, 0}, {-1, sep, 0}};
  if (roberta) parts.pair.push_back({-1, sep, 0});
  parts.pair.push_back({1, 0, second});
  parts.pair.push_back({-1, sep, second});
}

}  // namespace

void template_from_json(const Json& processor, const std::string& where, PipelineParts& parts) {
  if (processor.is_null()) return;
  const std::string type = get_string(processor, "type", where);
  if (type == "ByteLevel") return;  // changes offsets only
  if (type == "Sequence") {
    for (const Json& part : get_array(processor, "processors", where))
      template_from_json(part, where, parts);
    return;
  }
  if (type == "BertProcessing" || type == "RobertaProcessing")
    return fixed_template(processor, type == "RobertaProcessing", where, parts);
  if (type != "TemplateProcessing") {
    fail("{} is of type {}, which is not supported{}", where, type,
         suggestion(type, {"TemplateProcessing", "ByteLevel", "BertProcessing", "RobertaProcessing",
                           "Sequence"}));
  }
  std::vector<int64_t> before, behind;
  bool seen = false;
  for (const Json& item : get_array(processor, "single", where)) {
    const bool text = is_text(item, where);
    if (text && seen) fail("{} repeats the text in its template", where);
    seen = seen || text;
    if (!text) template_ids(processor, item, where, seen ? behind : before);
  }
  if (!seen) fail("{} leaves the text out of its template", where);
  parts.prefix.insert(parts.prefix.begin(), before.begin(), before.end());
  parts.suffix.insert(parts.suffix.end(), behind.begin(), behind.end());
  pair_from_template(processor, where, parts);
}

PipelineParts parts_from_json(const Json& json, const std::string& where) {
  // "truncation" and "padding" are not read: transformers sets both anew at each call.
  PipelineParts parts;
  parts.decodes_normalized = true;
  parts.stated_ids_bind = false;
  const auto part = [&](const char* key) { return has(json, key) ? json[key] : Json(); };
  parts.model = model_from_json(get(json, "model", where), where + ": model");
  parts.added = added_from_json(json, where);
  parts.normalizer = make_normalizer(part("normalizer"), where + ": normalizer");
  parts.pre_tokenizer = make_pre_tokenizer(part("pre_tokenizer"), where + ": pre_tokenizer");
  parts.decoder = make_decoder(part("decoder"), where + ": decoder");
  template_from_json(part("post_processor"), where + ": post_processor", parts);
  return parts;
}

std::unique_ptr<Tokenizer> build_json(SourceFiles& files, const std::string& variant) {
  const std::string where = files.path(files.tokenizer_json());
  const Json json = parse_json(files.bytes(files.tokenizer_json()), where);
  auto parts = parts_from_json(json, where);
  const TokenizerConfig config = read_config(files);
  auto tokenizer = std::make_unique<Pipeline>(std::move(parts),
                                              Pipeline::Names{config.bos, config.eos, config.mask},
                                              variant, files.hash(variant));
  tokenizer->default_specials(config.bos_id, config.eos_id);
  return tokenizer;
}

namespace {

/// vocab.txt: a token a line.
Json vocabulary_of_lines(const std::string& bytes) {
  Json vocabulary = Json::object();
  int64_t id = 0;
  for (size_t at = 0; at < bytes.size(); ++id) {
    auto end = bytes.find('\n', at);
    if (end == std::string::npos) end = bytes.size();
    auto token = bytes.substr(at, end - at);
    if (token.ends_with('\r')) token.pop_back();
    vocabulary[token] = id;
    at = end + 1;
  }
  return vocabulary;
}

}  // namespace

std::unique_ptr<Tokenizer> build_words(SourceFiles& files, const std::string& variant) {
  const auto where = files.path("vocab.txt");
  auto vocabulary = vocabulary_of_lines(files.bytes("vocab.txt"));
  const TokenizerConfig config = read_config(files);
  const auto unk = config.unk.value_or("[UNK]"), sep = config.sep.value_or("[SEP]");
  const auto cls = config.cls.value_or("[CLS]"), mask = config.mask.value_or("[MASK]");
  Json added = Json::array();
  for (const auto& token : {config.pad.value_or("[PAD]"), unk, cls, sep, mask})
    if (vocabulary.contains(token))
      added.push_back({{"id", vocabulary[token]},
                       {"content", token},
                       {"special", true},
                       {"normalized", false},
                       {"lstrip", false},
                       {"rstrip", false},
                       {"single_word", false}});
  for (const auto& token : {sep, cls})
    if (!vocabulary.contains(token)) fail("{}: holds no {}", where, token);
  const Json sep_id = vocabulary[sep], cls_id = vocabulary[cls];
  Json normalizer{{"type", "BertNormalizer"},
                  {"clean_text", true},
                  {"handle_chinese_chars", config.chinese_chars.value_or(true)},
                  {"lowercase", config.lower_case.value_or(true)},
                  {"strip_accents", nullptr}};
  if (config.strip_accents) normalizer["strip_accents"] = *config.strip_accents;
  const Json whole{
      {"added_tokens", added},
      {"normalizer", normalizer},
      {"pre_tokenizer", {{"type", "BertPreTokenizer"}}},
      {"post_processor",
       {{"type", "BertProcessing"}, {"sep", {sep, sep_id}}, {"cls", {cls, cls_id}}}},
      {"decoder", {{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", true}}},
      {"model", {{"type", "WordPiece"}, {"unk_token", unk}, {"vocab", std::move(vocabulary)}}}};
  auto parts = parts_from_json(whole, where);
  auto tokenizer =
      std::make_unique<Pipeline>(std::move(parts), Pipeline::Names{config.bos, config.eos, mask},
                                 variant, files.hash(variant));
  tokenizer->default_specials(config.bos_id, config.eos_id);
  return tokenizer;
}

}  // namespace bench::text
