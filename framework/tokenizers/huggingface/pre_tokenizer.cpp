#include "tokenizers/huggingface/pre_tokenizer.h"

#include <functional>

#include "base/error.h"
#include "base/near.h"
#include "tokenizers/huggingface/byte_level.h"
#include "tokenizers/regex/pattern_json.h"
#include "base/utf8.h"

namespace bench::text {

namespace {

/// What becomes of the matches of a split (tokenizers: SplitDelimiterBehavior).
enum class Behavior { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };

Behavior behavior_from(const std::string& name, const std::string& where) {
  if (name == "Removed") return Behavior::kRemoved;
  if (name == "Isolated") return Behavior::kIsolated;
  if (name == "MergedWithPrevious") return Behavior::kMergedWithPrevious;
  if (name == "MergedWithNext") return Behavior::kMergedWithNext;
  if (name == "Contiguous") return Behavior::kContiguous;
  fail("{} has the behavior \"{}\"{}", where, name,
       suggestion(name,
                  {"Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"}));
}

/// Joins neighbouring spans, as normalizer.rs, NormalizedString::split does.
std::vector<Span> join(const std::vector<Span>& spans, Behavior behavior) {
  std::vector<Span> joined;
  const auto add = [&](const Span& span, bool grows) {
    if (!grows || joined.empty()) {
      joined.push_back(span);
    } else {
      joined.back().begin = std::min(joined.back().begin, span.begin);
      joined.back().end = std::max(joined.back().end, span.end);
    }
  };
  bool before = false;  // was the last one a match?
  const auto step = [&](const Span& span) {
    const bool same = behavior == Behavior::kContiguous;
    add(span, same ? span.match == before : span.match && !before);
    before = span.match;
  };
  if (behavior == Behavior::kMergedWithNext) {
    for (auto span = spans.rbegin(); span != spans.rend(); ++span) step(*span);
    return {joined.rbegin(), joined.rend()};
  }
  for (const Span& span : spans) step(span);
  return joined;
}

void cut_at(const Piece& piece, std::vector<Span> spans, Behavior behavior,
            std::vector<Piece>& out) {
  if (behavior != Behavior::kIsolated && behavior != Behavior::kRemoved)
    spans = join(spans, behavior);
  for (const Span& span : spans) {
    const bool removed = behavior == Behavior::kRemoved && span.match;
    if (removed || span.end <= span.begin) continue;
    out.push_back(
        {piece.text.substr(span.begin, span.end - span.begin), piece.at_start && span.begin == 0});
  }
}

class Split : public PreTokenizer {
 public:
  Split(Pattern pattern, Behavior behavior, bool invert)
      : pattern_(std::move(pattern)), behavior_(behavior), invert_(invert) {}

  void cut(Piece piece, std::vector<Piece>& out) const override {
    std::vector<Span> spans = pattern_.pieces(piece.text);
    if (invert_)
      for (Span& span : spans) span.match = !span.match;
    cut_at(piece, std::move(spans), behavior_, out);
  }

 private:
  Pattern pattern_;
  Behavior behavior_;
  bool invert_;
};

/// Cuts at characters of one kind.
class CharSplit : public PreTokenizer {
 public:
  using Kind = std::function<bool(uint32_t)>;
  CharSplit(Kind kind, Behavior behavior) : kind_(std::move(kind)), behavior_(behavior) {}

  void cut(Piece piece, std::vector<Piece>& out) const override {
    std::vector<Span> spans;
    bool open = false;  // the last span is of characters that are not of the kind
    for (size_t at = 0; at < piece.text.size();) {
      const size_t begin = at;
      const bool match = kind_(next_code_point(piece.text, at));
      if (open && !match) {
        spans.back().end = at;
      } else {
        spans.push_back({begin, at, match});
      }
      open = !match;
    }
    cut_at(piece, std::move(spans), behavior_, out);
  }

 private:
  Kind kind_;
  Behavior behavior_;
};

/// Runs of word characters and runs of others, without the white space between them.
class Words : public PreTokenizer {
  void cut(Piece piece, std::vector<Piece>& out) const override {
    enum Kind { kSpace, kWord, kOther };
    std::vector<Span> spans;
    Kind before = kSpace;
    for (size_t at = 0; at < piece.text.size();) {
      const size_t begin = at;
      const uint32_t code = next_code_point(piece.text, at);
      const Kind kind = is_word(code) ? kWord : is_white_space(code) ? kSpace : kOther;
      if (kind != kSpace && kind == before) {
        spans.back().end = at;
      } else if (kind != kSpace) {
        spans.push_back({begin, at, false});
      }
      before = kind;
    }
    cut_at(piece, std::move(spans), Behavior::kIsolated, out);
  }
};

class ByteLevel : public PreTokenizer {
 public:
  ByteLevel(bool add_prefix_space, bool use_regex)
      : add_prefix_space_(add_prefix_space),
        pattern_(Pattern::regex(kGpt2Pattern)),
        use_regex_(use_regex) {}

  void cut(Piece piece, std::vector<Piece>& out) const override {
    if (add_prefix_space_ && !piece.text.starts_with(' ')) piece.text.insert(0, " ");
    const size_t first = out.size();
    if (use_regex_) {
      cut_at(piece, pattern_.pieces(piece.text), Behavior::kIsolated, out);
    } else {
      out.push_back(std::move(piece));
    }
    for (size_t i = first; i < out.size(); ++i) out[i].text = bytes_to_chars(out[i].text);
  }

 private:
  bool add_prefix_space_;
  Pattern pattern_;
  bool use_regex_;
};

class Metaspace : public PreTokenizer {
 public:
  Metaspace(const Json& spec, const std::string& where)
      : replacement_(get_string(spec, "replacement", std::string(kBlank), where)),
        scheme_(get_string(spec, "prepend_scheme", "always", where)),
        split_(get_bool(spec, "split", true, where)),
        blank_(Pattern::literal(" ")),
        pattern_(Pattern::literal(replacement_)) {
    if (count_chars(replacement_) != 1)
      fail("{} replaces blanks by \"{}\", not by one character", where, replacement_);
    // Files from before prepend_scheme have add_prefix_space in its place.
    if (!get_bool(spec, "add_prefix_space", true, where)) scheme_ = "never";
    if (scheme_ != "always" && scheme_ != "first" && scheme_ != "never") {
      fail("{} has the prepend_scheme \"{}\"{}", where, scheme_,
           suggestion(scheme_, {"always", "first", "never"}));
    }
  }

  void cut(Piece piece, std::vector<Piece>& out) const override {
    piece.text = blank_.replace(piece.text, replacement_);
    const bool wanted = scheme_ == "always" || (scheme_ == "first" && piece.at_start);
    if (wanted && !piece.text.starts_with(replacement_)) piece.text.insert(0, replacement_);
    if (split_) {
      cut_at(piece, pattern_.pieces(piece.text), Behavior::kMergedWithNext, out);
    } else {
      out.push_back(std::move(piece));
    }
  }

 private:
  std::string replacement_, scheme_;
  bool split_;
  Pattern blank_, pattern_;
};

/// Words without white space, each mark of punctuation by itself (pre_tokenizers/bert.rs).
class BertWords : public PreTokenizer {
  void cut(Piece piece, std::vector<Piece>& out) const override {
    static const CharSplit by_space(is_white_space, Behavior::kRemoved);
    static const CharSplit by_mark(is_punctuation, Behavior::kIsolated);
    std::vector<Piece> words;
    by_space.cut(std::move(piece), words);
    for (auto& word : words) by_mark.cut(std::move(word), out);
  }
};

class PreTokenizerSequence : public PreTokenizer {
 public:
  explicit PreTokenizerSequence(std::vector<std::unique_ptr<PreTokenizer>> parts)
      : parts_(std::move(parts)) {}

  void cut(Piece piece, std::vector<Piece>& out) const override {
    const size_t before = piece.text.size();
    std::vector<Piece> pieces{std::move(piece)};
    for (const auto& part : parts_) {
      std::vector<Piece> finer;
      size_t now = 0, counted = 0;
      for (Piece& coarse : pieces) {
        part->cut(std::move(coarse), finer);
        for (; counted < finer.size(); ++counted) now += finer[counted].text.size();
        check_growth(now, before);
      }
      pieces.swap(finer);
    }
    for (Piece& fine : pieces) out.push_back(std::move(fine));
  }

 private:
  std::vector<std::unique_ptr<PreTokenizer>> parts_;
};

std::unique_ptr<PreTokenizer> make_sequence(const Json& spec, const std::string& where) {
  std::vector<std::unique_ptr<PreTokenizer>> parts;
  for (const Json* part : sequence_parts(spec, "pretokenizers", where))
    parts.push_back(make_pre_tokenizer(*part, where));
  return std::make_unique<PreTokenizerSequence>(std::move(parts));
}

}  // namespace

std::unique_ptr<PreTokenizer> make_pre_tokenizer(const Json& spec, const std::string& where) {
  if (spec.is_null()) return nullptr;
  const std::string type = get_string(spec, "type", where);
  if (type == "ByteLevel") {
    return std::make_unique<ByteLevel>(get_bool(spec, "add_prefix_space", true, where),
                                       get_bool(spec, "use_regex", true, where));
  }
  if (type == "Split") {
    return std::make_unique<Split>(pattern_from_json(get(spec, "pattern", where), where),
                                   behavior_from(get_string(spec, "behavior", where), where),
                                   get_bool(spec, "invert", false, where));
  }
  if (type == "Metaspace") return std::make_unique<Metaspace>(spec, where);
  if (type == "Digits") {
    const bool single = get_bool(spec, "individual_digits", false, where);
    return std::make_unique<CharSplit>(is_numeric,
                                       single ? Behavior::kIsolated : Behavior::kContiguous);
  }
  if (type == "Whitespace") return std::make_unique<Words>();
  if (type == "WhitespaceSplit")
    return std::make_unique<CharSplit>(is_white_space, Behavior::kRemoved);
  if (type == "Punctuation") {
    const auto name = get_string(spec, "behavior", "Isolated", where);
    return std::make_unique<CharSplit>(is_punctuation, behavior_from(name, where));
  }
  if (type == "BertPreTokenizer") return std::make_unique<BertWords>();
  if (type == "CharDelimiterSplit") {
    const auto mark = get_string(spec, "delimiter", where);
    if (count_chars(mark) != 1) fail("{} cuts at \"{}\", not at one character", where, mark);
    size_t at = 0;
    const auto code = next_code_point(mark, at);
    return std::make_unique<CharSplit>([code](uint32_t c) { return c == code; },
                                       Behavior::kRemoved);
  }
  if (type == "Sequence") return make_sequence(spec, where);
  fail("{} is of type {}, which is not supported{}", where, type,
       suggestion(type,
                  {"ByteLevel", "Split", "Metaspace", "Digits", "Whitespace", "WhitespaceSplit",
                   "Punctuation", "BertPreTokenizer", "CharDelimiterSplit", "Sequence"}));
}

}  // namespace bench::text
