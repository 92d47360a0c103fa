#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "tokenizers/builders.h"
#include "tokenizers/llama.h"
#include "tokenizers/sentencepiece/sentencepiece.h"
#include "base/utf8.h"

namespace bench::text {

namespace {

SentencePiece load_model(SourceFiles& files) {
  const std::string file = files.sentencepiece();
  return {parse_sentencepiece(files.bytes(file), files.path(file)), files.path(file)};
}

/// sentencepiece itself.
class Spm : public Tokenizer {
 public:
  Spm(SentencePiece spm, const std::string& hash) : spm_(std::move(spm)) {
    about_ = {spm_.vocabulary().size(),
              spm_.control(spm_.model().bos_piece),
              spm_.control(spm_.model().eos_piece),
              "spm",
              hash,
              {}};
  }

  std::vector<int64_t> encode(const std::string& utf8, bool special) const override {
    check_text(utf8);
    std::vector<int64_t> ids = spm_.encode(utf8);
    if (special && about_.bos) ids.insert(ids.begin(), *about_.bos);
    return ids;
  }

  std::string decode(const std::vector<int64_t>& ids) const override {
    std::vector<std::string> pieces;
    for (const int64_t id : ids)
      if (const std::string* piece = spm_.vocabulary().token(id)) pieces.push_back(*piece);
    return spm_.decode(pieces);
  }

 private:
  SentencePiece spm_;
};

bool python_space(uint32_t code) {
  return is_white_space(code) || (code >= 0x1C && code <= 0x1F);
}

std::string strip_left(const std::string& text) {
  size_t at = 0;
  while (at < text.size()) {
    size_t next = at;
    if (!python_space(next_code_point(text, next))) break;
    at = next;
  }
  return text.substr(at);
}

std::string strip_right(const std::string& text) {
  size_t end = 0;
  for (size_t at = 0; at < text.size();) {
    if (!python_space(next_code_point(text, at))) end = at;
  }
  return text.substr(0, end);
}

/// LlamaTokenizer of transformers 4 (models/llama/tokenization_llama.py, tokenization_utils.py).
class SlowLlama : public Tokenizer {
 public:
  SlowLlama(SentencePiece spm, const TokenizerConfig& config, const std::string& hash)
      : spm_(std::move(spm)),
        legacy_(config.legacy.value_or(true)),
        add_prefix_(config.add_prefix_space.value_or(true)) {
    const LlamaNames names(config);
    int64_t next = spm_.vocabulary().size();
    for (const AddedToken& token : llama_added(config, names)) {
      const auto known = spm_.vocabulary().id(token.content);
      if (known && token.stated && *known != *token.stated) {
        fail("the added token \"{}\" is stated to have id {}, but by the model it has {}",
             token.content, *token.stated, *known);
      }
      const int64_t id = token.stated ? *token.stated : known ? *known : next++;
      next = std::max(next, id + 1);
      ids_[token.content] = id;
      tokens_[id] = token;
      AddedToken plain;  // stripping is done in Python's way, not in the finder's
      plain.content = token.content;
      finder_.add(plain, token.content, id);
    }
    for (const auto& name : names.all()) special_.insert(name);
    additional_ = names.additional;
    const auto role = [&](const std::optional<std::string>& name) -> std::optional<int64_t> {
      return name && ids_.contains(*name) ? std::optional(ids_.at(*name)) : std::nullopt;
    };
    about_ = {next, role(names.bos), role(names.eos), "slow4", hash, {}};
    for (const auto& name : special_)
      if (ids_.contains(name)) about_.special.insert(ids_.at(name));
    if (config.add_bos.value_or(true) && about_.bos) prefix_ = {*about_.bos};
    if (config.add_eos.value_or(false) && about_.eos) suffix_ = {*about_.eos};
    unk_length_ = spm_.encode(*names.unk).size();
    unk_text_ = *names.unk;
  }

  std::vector<int64_t> encode(const std::string& utf8, bool special) const override {
    check_text(utf8);
    std::vector<int64_t> ids;
    if (special) ids = prefix_;
    tokenize(utf8, ids);
    if (special) ids.insert(ids.end(), suffix_.begin(), suffix_.end());
    return ids;
  }

  std::string decode(const std::vector<int64_t>& ids) const override {
    std::vector<std::string> parts, run;
    const auto flush = [&] {
      const std::string text = run.empty() ? "" : run_text(run);
      if (!text.empty()) parts.push_back(text);
      run.clear();
    };
    for (const int64_t id : ids) {
      const auto added = tokens_.find(id);
      const std::string* piece = spm_.vocabulary().token(id);
      if (added == tokens_.end() && piece == nullptr) continue;
      const std::string token = added != tokens_.end() ? added->second.content : *piece;
      if (!stands_apart(token)) {
        run.push_back(token);
        continue;
      }
      flush();
      parts.push_back(token);
    }
    if (!run.empty()) parts.push_back(run_text(run));  // the last run counts even if it is empty
    std::string text;
    for (size_t i = 0; i < parts.size(); ++i) text += (i ? " " : "") + parts[i];
    return text;
  }

 private:
  /// PreTrainedTokenizer.tokenize: a part is a token if its text is one, also after its neighbours
  /// have taken blanks away from it.
  std::vector<std::string> parts_of(const std::string& text) const {
    std::vector<std::string> parts;
    for (const auto& part : finder_.split(text))
      parts.push_back(text.substr(part.begin, part.end - part.begin));
    for (size_t i = 0; i < parts.size(); ++i) {
      const auto id = ids_.find(parts[i]);
      if (id == ids_.end()) continue;
      const AddedToken& token = tokens_.at(id->second);
      const std::string left = i > 0 ? parts[i - 1] : "";
      const std::string right = i + 1 < parts.size() ? parts[i + 1] : "";
      if (token.rstrip && !right.empty()) parts[i + 1] = strip_left(right);
      if (token.lstrip && !left.empty()) parts[i - 1] = strip_right(left);
      if (token.single_word && !left.empty() && left.back() != ' ') {
        parts[i - 1] += token.content;
        parts[i].clear();
      } else if (token.single_word && !right.empty() && right.front() != ' ') {
        parts[i + 1] = token.content + parts[i + 1];
        parts[i].clear();
      }
    }
    return parts;
  }

  void tokenize(const std::string& text, std::vector<int64_t>& ids) const {
    std::string prepared = text;
    if (!legacy_ && !text.empty()) {
      prepared = add_prefix_ ? std::string(kBlank) : "";
      for (size_t at = 0; at < text.size();) {
        const bool blank = std::string_view(text).substr(at).starts_with(kBlank);
        prepared += blank ? ' ' : text[at];
        at += blank ? kBlank.size() : 1;
      }
    }
    std::vector<std::string> parts = parts_of(prepared);
    std::erase_if(parts, [](const std::string& part) { return part.empty(); });
    for (size_t i = 0; i < parts.size(); ++i) {
      if (const auto added = ids_.find(parts[i]); added != ids_.end()) {
        ids.push_back(added->second);
        continue;
      }
      const std::vector<int64_t> found = tokenize_part(parts[i]);
      // The prefix alone before a special token is taken back.
      const bool before_special = i + 1 < parts.size() && special_.contains(parts[i + 1]);
      const bool alone = found.size() == 1 && found[0] == spm_.piece_to_id(kBlank);
      if (!legacy_ && i == 0 && before_special && alone) continue;
      ids.insert(ids.end(), found.begin(), found.end());
    }
  }

  std::vector<int64_t> tokenize_part(const std::string& text) const {
    if (text.empty()) return {};
    if (legacy_ || !(text.starts_with(kBlank) || text.starts_with(' '))) return spm_.encode(text);
    // Behind an unknown token sentencepiece leaves leading blanks alone.
    std::vector<int64_t> ids = spm_.encode(unk_text_ + text);
    if (ids.size() >= unk_length_)
      ids.erase(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(unk_length_));
    return ids;
  }

  /// Added tokens that are not special are written between blanks.
  bool stands_apart(const std::string& token) const {
    if (!ids_.contains(token)) return false;
    if (!special_.contains(token)) return true;
    const bool extra =
        std::find(additional_.begin(), additional_.end(), token) != additional_.end();
    return extra && ids_.at(token) >= spm_.vocabulary().size();
  }

  std::string run_text(std::vector<std::string> tokens) const {
    if (add_prefix_ && tokens[0].starts_with(kBlank)) tokens[0].erase(0, kBlank.size());
    std::string text;
    std::vector<std::string> pieces;
    bool after_special = false;
    for (size_t i = 0; i < tokens.size(); ++i) {
      if (special_.contains(tokens[i])) {
        if (!after_special && i > 0 && legacy_) text += ' ';
        text += spm_.decode(pieces) + tokens[i];
        pieces.clear();
        after_special = true;
        continue;
      }
      if (after_special && i == 1 && add_prefix_ && !tokens[i].starts_with(kBlank)) text += ' ';
      pieces.push_back(tokens[i]);
      after_special = false;
    }
    return text + spm_.decode(pieces);
  }

  SentencePiece spm_;
  bool legacy_, add_prefix_;
  std::map<std::string, int64_t> ids_;
  std::map<int64_t, AddedToken> tokens_;
  TokenFinder finder_;
  std::set<std::string> special_;
  std::vector<std::string> additional_;
  std::vector<int64_t> prefix_, suffix_;
  std::string unk_text_;
  size_t unk_length_ = 0;
};

}  // namespace

std::unique_ptr<Tokenizer> build_spm(SourceFiles& files) {
  SentencePiece spm = load_model(files);
  return std::make_unique<Spm>(std::move(spm), files.hash("spm"));
}

std::unique_ptr<Tokenizer> build_slow4(SourceFiles& files) {
  const std::string file = files.sentencepiece();
  SentencePieceModel model = parse_sentencepiece(files.bytes(file), files.path(file));
  const TokenizerConfig config = read_config(files);
  // Without "legacy" the prefix is the class's business (get_spm_processor).
  if (!config.legacy.value_or(true)) model.add_dummy_prefix = false;
  return std::make_unique<SlowLlama>(SentencePiece(std::move(model), files.path(file)), config,
                                     files.hash("slow4"));
}

}  // namespace bench::text
