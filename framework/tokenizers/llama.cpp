#include "tokenizers/llama.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "tokenizers/builders.h"
#include "tokenizers/huggingface/pipeline.h"
#include "tokenizers/huggingface/tokenizer_json.h"
#include "tokenizers/sentencepiece/unigram.h"
#include "base/utf8.h"

namespace bench::text {

LlamaNames::LlamaNames(const TokenizerConfig& config)
    : bos(config.bos),
      eos(config.eos),
      unk(config.unk),
      pad(config.pad),
      additional(config.additional) {
  if (!bos && !config.states_bos) bos = "<s>";
  if (!eos && !config.states_eos) eos = "</s>";
  if (!unk) unk = "<unk>";
}

std::vector<std::string> LlamaNames::all() const {
  std::vector<std::string> names;
  const auto add = [&](const std::string& name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  };
  for (const auto& role : {bos, eos, unk, pad})
    if (role) add(*role);
  for (const auto& name : additional) add(name);
  return names;
}

std::vector<AddedToken> llama_added(const TokenizerConfig& config, const LlamaNames& names) {
  std::vector<AddedToken> tokens;
  for (const auto& [id, token] : config.added) {
    tokens.push_back(token);
    tokens.back().stated = id;
  }
  for (const std::string& name : names.all()) {
    const auto same = [&](const AddedToken& token) { return token.content == name; };
    if (std::any_of(tokens.begin(), tokens.end(), same)) continue;
    AddedToken token;
    token.content = name;
    token.special = true;
    token.normalized = false;
    tokens.push_back(std::move(token));
  }
  return tokens;
}

std::vector<Merge> generate_merges(const Vocabulary& vocabulary, const std::vector<float>* scores) {
  struct Ranked {
    double rank = 0;  // smaller first
    size_t left_chars = 0, right_chars = 0;
    std::string_view left, right;
  };
  // A part can only be a token where some token is as long: a very long one then costs no square.
  std::set<size_t> sizes;
  for (int64_t id = 0; id < vocabulary.size(); ++id)
    if (const std::string* token = vocabulary.token(id)) sizes.insert(token->size());
  std::vector<Ranked> ranked;
  for (int64_t id = 0; id < vocabulary.size(); ++id) {
    const std::string* token = vocabulary.token(id);
    if (token == nullptr || vocabulary.id(*token) != id) continue;
    const double rank =
        scores ? -static_cast<double>((*scores)[static_cast<size_t>(id)]) : static_cast<double>(id);
    const size_t chars = count_chars(*token);
    std::vector<std::pair<std::pair<int64_t, int64_t>, Ranked>> local;
    size_t left_chars = 1;
    for (size_t at = char_length((*token + " ")[0]); at < token->size(); ++left_chars) {
      const std::string_view left = std::string_view(*token).substr(0, at);
      const std::string_view right = std::string_view(*token).substr(at);
      at += char_length((*token)[at]);
      if (!sizes.contains(left.size()) || !sizes.contains(right.size())) continue;
      const auto left_id = vocabulary.id(left), right_id = vocabulary.id(right);
      if (left_id && right_id)
        local.push_back(
            {{*left_id, *right_id}, {rank, left_chars, chars - left_chars, left, right}});
    }
    std::stable_sort(local.begin(), local.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    for (auto& each : local) ranked.push_back(each.second);
  }
  // With scores Python sorts in reverse, so of equal scores the longer left part comes first.
  const bool reverse = scores != nullptr;
  std::stable_sort(ranked.begin(), ranked.end(), [&](const Ranked& a, const Ranked& b) {
    if (a.rank != b.rank) return a.rank < b.rank;
    const auto lengths = std::pair(a.left_chars, a.right_chars);
    const auto others = std::pair(b.left_chars, b.right_chars);
    return reverse ? others < lengths : lengths < others;
  });
  std::vector<Merge> merges;
  merges.reserve(ranked.size());
  for (const Ranked& each : ranked) merges.emplace_back(each.left, each.right);
  return merges;
}

namespace {

const std::string kBlankText(kBlank);

void add_blank_replacement(PipelineParts& parts, const std::string& scheme, bool as_normalizer) {
  if (as_normalizer) {
    Json steps = Json::array();
    if (scheme != "never") steps.push_back({{"type", "Prepend"}, {"prepend", kBlankText}});
    steps.push_back({{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", kBlankText}});
    parts.normalizer = make_normalizer({{"type", "Sequence"}, {"normalizers", steps}}, "LLaMA");
  } else {
    parts.pre_tokenizer = make_pre_tokenizer({{"type", "Metaspace"},
                                              {"replacement", kBlankText},
                                              {"prepend_scheme", scheme},
                                              {"split", false}},
                                             "LLaMA");
  }
  Json steps = Json::array();
  steps.push_back({{"type", "Replace"}, {"pattern", {{"String", kBlankText}}}, {"content", " "}});
  steps.push_back({{"type", "ByteFallback"}});
  steps.push_back({{"type", "Fuse"}});
  if (scheme != "never")
    steps.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  parts.decoder = make_decoder({{"type", "Sequence"}, {"decoders", steps}}, "LLaMA");
}

/// Control and user-defined pieces are looked for too (convert_slow_tokenizer.py, SpmConverter).
void add_pieces(const SentencePieceModel& model, std::vector<AddedToken>& added) {
  std::vector<AddedToken> pieces;
  for (const auto& piece : model.pieces) {
    const bool control = piece.type == SentencePieceModel::kControl;
    if (!control && piece.type != SentencePieceModel::kUserDefined) continue;
    AddedToken token;
    token.content = piece.text;
    token.special = control;
    token.normalized = false;
    pieces.push_back(std::move(token));
  }
  added.insert(added.begin(), pieces.begin(), pieces.end());
}

std::string prepend_scheme(const TokenizerConfig& config, bool legacy) {
  if (!config.add_prefix_space.value_or(true)) return "never";
  return legacy ? "always" : "first";
}

std::unique_ptr<Tokenizer> assemble(PipelineParts parts, const LlamaNames& names, bool add_bos,
                                    bool add_eos, const std::string& variant, SourceFiles& files) {
  const auto id_of = [&](const std::optional<std::string>& name) -> std::optional<int64_t> {
    return name ? parts.model->vocabulary().id(*name) : std::nullopt;
  };
  const auto bos = id_of(names.bos), eos = id_of(names.eos);
  if (add_bos && bos) parts.prefix = {*bos};
  if (add_eos && eos) parts.suffix = {*eos};
  return std::make_unique<Pipeline>(std::move(parts), Pipeline::Names{names.bos, names.eos},
                                    variant, files.hash(variant));
}

}  // namespace

std::unique_ptr<Tokenizer> build_fast4(SourceFiles& files) {
  const std::string file = files.sentencepiece();
  const auto model = parse_sentencepiece(files.bytes(file), files.path(file));
  const TokenizerConfig config = read_config(files);
  const LlamaNames names(config);
  std::vector<std::string> tokens;
  std::vector<float> scores;
  std::vector<std::pair<std::string, double>> pieces;
  for (size_t i = 0; i < model.pieces.size(); ++i) {
    // The first three may have other names in the tokenizer's configuration.
    const auto renamed = i < 3 ? config.added.find(static_cast<int64_t>(i)) : config.added.end();
    tokens.push_back(renamed != config.added.end() ? renamed->second.content
                                                   : model.pieces[i].text);
    scores.push_back(i < 3 ? 0.0f : model.pieces[i].score);
    pieces.emplace_back(tokens.back(), scores.back());
  }
  PipelineParts parts;
  if (model.kind == SentencePieceModel::kUnigram) {
    parts.model = std::make_unique<Unigram>(std::move(pieces), 0, true);
  } else {
    Vocabulary vocabulary(std::move(tokens));
    const auto merges = generate_merges(vocabulary, &scores);
    BpeOptions options;
    options.unk_token = model.unk_piece;
    options.fuse_unk = options.byte_fallback = true;
    parts.model = std::make_unique<Bpe>(std::move(vocabulary), merges, options);
  }
  parts.added = llama_added(config, names);
  add_pieces(model, parts.added);
  const bool legacy = config.legacy.value_or(true);
  add_blank_replacement(parts, prepend_scheme(config, legacy), legacy);
  return assemble(std::move(parts), names, config.add_bos.value_or(true),
                  config.add_eos.value_or(false), "fast4", files);
}

namespace {

std::unique_ptr<Model> hf5_model(Vocabulary vocabulary, const std::vector<Merge>& merges) {
  BpeOptions options;  // no unknown token: what is in no token vanishes
  options.fuse_unk = options.byte_fallback = true;
  return std::make_unique<Bpe>(std::move(vocabulary), merges, options);
}

void hf5_from_model(SourceFiles& files, PipelineParts& parts) {
  const std::string file = files.sentencepiece();
  const auto model = parse_sentencepiece(files.bytes(file), files.path(file));
  // A Unigram model is taken for BPE too: the class looks at neither its type nor its scores.
  std::vector<std::string> tokens;
  for (const auto& piece : model.pieces) tokens.push_back(piece.text);
  Vocabulary vocabulary(std::move(tokens));
  const auto merges = generate_merges(vocabulary, nullptr);
  parts.model = hf5_model(std::move(vocabulary), merges);
  add_pieces(model, parts.added);
}

/// transformers 5 takes vocabulary, merges and template out of the file and nothing else.
void hf5_from_json(const Json& json, const std::string& where, const TokenizerConfig& config,
                   PipelineParts& parts) {
  const Json& model = get(json, "model", where);
  if (get_string(model, "type", "BPE", where) != "BPE")
    fail("{} is not BPE, which the LlamaTokenizer of transformers 5 needs; use json", where);
  parts.model = hf5_model(Vocabulary(vocab_from_json(get(model, "vocab", where), where)),
                          merges_from_json(get_array(model, "merges", where), where));
  if (config.added.empty()) {
    auto listed = added_from_json(json, where);
    parts.added.insert(parts.added.begin(), listed.begin(), listed.end());
  }
  if (has(json, "post_processor"))
    template_from_json(json["post_processor"], where + ": post_processor", parts);
}

}  // namespace

std::unique_ptr<Tokenizer> build_hf5(SourceFiles& files) {
  const TokenizerConfig config = read_config(files);
  const std::string where = files.path(files.tokenizer_json());
  const Json json = files.tokenizer_json().empty()
                        ? Json()
                        : parse_json(files.bytes(files.tokenizer_json()), where);
  const LlamaNames names(config);
  PipelineParts parts;
  parts.added = llama_added(config, names);
  if (json.is_null()) {
    hf5_from_model(files, parts);
  } else {
    hf5_from_json(json, where, config, parts);
  }
  // A model without tokenizer_config.json is taken for LLaMA's own, whose file says legacy and
  // add_bos_token; where there is a file, what it leaves out has the defaults of the class.
  const bool legacy = config.legacy.value_or(!config.present);
  add_blank_replacement(parts, prepend_scheme(config, legacy), false);
  const bool stated = config.add_bos || config.add_eos;
  const bool keeps_template = !json.is_null() && has(json, "post_processor") && !stated;
  if (!keeps_template) parts.prefix = parts.suffix = {};
  return assemble(std::move(parts), names,
                  !keeps_template && config.add_bos.value_or(!config.present),
                  !keeps_template && config.add_eos.value_or(false), "hf5", files);
}

}  // namespace bench::text
