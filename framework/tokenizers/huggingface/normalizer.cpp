#include "tokenizers/huggingface/normalizer.h"

#include <utf8proc.h>

#include <cstdlib>
#include <vector>

#include "base/error.h"
#include "base/unicode.h"
#include "base/near.h"
#include "base/base64.h"
#include "tokenizers/huggingface/byte_level.h"
#include "tokenizers/sentencepiece/charsmap.h"
#include "tokenizers/regex/pattern_json.h"
#include "tokenizers/regex/regex.h"
#include "base/utf8.h"

namespace bench::text {

namespace {

/// NFC, NFD, NFKC, NFKD.
class UnicodeForm : public Normalizer {
 public:
  explicit UnicodeForm(int options) : options_(options) {}

  /// Points that the tokenizers' normaliser does not know stand between the parts.
  void apply(std::string& text, bool&) const override {
    std::string out;
    size_t begin = 0;
    for (size_t at = 0; at < text.size();) {
      const size_t here = at;
      if (!never_normalised(next_code_point(text, at))) continue;
      out += normalised(text.substr(begin, here - begin)) + text.substr(here, at - here);
      begin = at;
    }
    text = begin == 0 ? normalised(text) : out + normalised(text.substr(begin));
  }

 private:
  std::string normalised(const std::string& text) const {
    utf8proc_uint8_t* raw = nullptr;
    const auto length = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                     static_cast<utf8proc_ssize_t>(text.size()), &raw,
                                     static_cast<utf8proc_option_t>(options_));
    const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(raw, &std::free);
    if (length < 0) fail("a text cannot be normalised: {}", utf8proc_errmsg(length));
    return {reinterpret_cast<const char*>(raw), static_cast<size_t>(length)};
  }

  int options_;
};

class Lowercase : public Normalizer {
  void apply(std::string& text, bool&) const override { text = lower_case(text); }
};

class Prepend : public Normalizer {
 public:
  explicit Prepend(std::string prefix) : prefix_(std::move(prefix)) {}
  void apply(std::string& text, bool&) const override {
    if (!text.empty()) text.insert(0, prefix_);
  }

 private:
  std::string prefix_;
};

class Replace : public Normalizer {
 public:
  Replace(Pattern pattern, std::string content)
      : pattern_(std::move(pattern)), content_(std::move(content)) {}

  void apply(std::string& text, bool& at_start) const override {
    const auto matches = pattern_.matches(text);
    if (matches.empty()) return;
    const bool cuts = content_.empty() && matches.front().begin == 0 && matches.front().end > 0;
    if (cuts) at_start = false;
    text = pattern_.replace(text, content_);
  }

 private:
  Pattern pattern_;
  std::string content_;
};

class Strip : public Normalizer {
 public:
  Strip(bool left, bool right) : left_(left), right_(right) {}

  void apply(std::string& text, bool& at_start) const override {
    size_t begin = text.size(), end = text.size();
    bool inside = false;
    for (size_t at = 0; at < text.size();) {
      const size_t here = at;
      if (is_white_space(next_code_point(text, at))) continue;
      if (!inside) begin = here;
      inside = true;
      end = at;
    }
    if (!left_) begin = 0;
    if (!right_ || (!inside && !left_)) end = right_ ? 0 : text.size();
    if (begin > 0) at_start = false;
    text = text.substr(begin, end > begin ? end - begin : 0);
  }

 private:
  bool left_, right_;
};

/// SentencePiece's rules as tokenizers applies them (normalizers/precompiled.rs): a grapheme of
/// less than six bytes is replaced whole by the rule of its shortest prefix, others character by
/// character.
class Precompiled : public Normalizer {
 public:
  Precompiled(const std::string& blob, const std::string& where) : rules_(blob, where) {}

  void apply(std::string& text, bool&) const override {
    std::string out;
    out.reserve(text.size());
    for (size_t at = 0; at < text.size();) {
      const size_t end = grapheme_end(text, at);
      add(std::string_view(text).substr(at, end - at), out);
      check_growth(out.size(), text.size());
      at = end;
    }
    text = std::move(out);
  }

 private:
  static size_t grapheme_end(const std::string& text, size_t at) {
    utf8proc_int32_t state = 0;
    auto before = static_cast<utf8proc_int32_t>(next_code_point(text, at));
    while (at < text.size()) {
      size_t next = at;
      const auto code = static_cast<utf8proc_int32_t>(next_code_point(text, next));
      if (utf8proc_grapheme_break_stateful(before, code, &state)) break;
      before = code;
      at = next;
    }
    return at;
  }

  void add(std::string_view grapheme, std::string& out) const {
    if (grapheme.size() < 6) {
      if (const auto rule = rules_.shortest(grapheme)) {
        out += rule->text;
        return;
      }
    }
    for (size_t at = 0; at < grapheme.size();) {
      const auto character = grapheme.substr(at, char_length(grapheme[at]));
      const auto rule = rules_.shortest(character);
      out += rule ? rule->text : character;
      at += character.size();
    }
  }

  Charsmap rules_;
};

/// Characters that are dropped, replaced by a blank or kept, by a rule.
class Filter : public Normalizer {
 public:
  enum What { kDrop, kBlank, kKeep };
  using Rule = What (*)(uint32_t);
  explicit Filter(Rule rule) : rule_(rule) {}
  void apply(std::string& text, bool& at_start) const override {
    std::string out;
    out.reserve(text.size());
    for (size_t at = 0; at < text.size();) {
      const size_t begin = at;
      const What what = rule_(next_code_point(text, at));
      if (what == kDrop && begin == 0) at_start = false;
      if (what == kBlank) out += ' ';
      if (what == kKeep) out.append(text, begin, at - begin);
    }
    text = std::move(out);
  }

 private:
  Rule rule_;
};

/// tokenizers: normalizers/strip.rs, StripAccents: all marks.
Filter::What without_marks(uint32_t code) {
  return general_category(code)[0] == 'M' ? Filter::kDrop : Filter::kKeep;
}

/// tokenizers: normalizers/unicode.rs, Nmt.
Filter::What nmt(uint32_t c) {
  const auto in = [c](uint32_t from, uint32_t to) { return c >= from && c <= to; };
  if (in(0x1, 0x8) || c == 0xB || in(0xE, 0x1F) || c == 0x7F || c == 0x8F || c == 0x9F)
    return Filter::kDrop;
  const bool blank = c == 0x9 || c == 0xA || c == 0xC || c == 0xD || c == 0x1680 ||
                     in(0x200B, 0x200F) || c == 0x2028 || c == 0x2029 || c == 0x2581 ||
                     c == 0xFEFF || c == 0xFFFD;
  return blank ? Filter::kBlank : Filter::kKeep;
}

/// tokenizers: normalizers/bert.rs.
Filter::What clean(uint32_t c) {
  if (c == '\t' || c == '\n' || c == '\r') return Filter::kBlank;
  const auto category = general_category(c);
  if (c == 0 || c == 0xFFFD || category == "Cc" || category == "Cf" || category == "Co")
    return Filter::kDrop;
  return is_white_space(c) ? Filter::kBlank : Filter::kKeep;
}
Filter::What without_accents(uint32_t code) {
  return general_category(code) == "Mn" ? Filter::kDrop : Filter::kKeep;
}
bool is_chinese(uint32_t c) {
  const auto in = [c](uint32_t from, uint32_t to) { return c >= from && c <= to; };
  return in(0x4E00, 0x9FFF) || in(0x3400, 0x4DBF) || in(0x20000, 0x2A6DF) || in(0x2A700, 0x2B73F) ||
         in(0x2B740, 0x2B81F) || in(0x2B920, 0x2CEAF) || in(0xF900, 0xFAFF) || in(0x2F800, 0x2FA1F);
}

class BertNormalizer : public Normalizer {
 public:
  BertNormalizer(const Json& spec, const std::string& where)
      : cleans_(get_bool(spec, "clean_text", true, where)),
        chinese_(get_bool(spec, "handle_chinese_chars", true, where)),
        lowers_(get_bool(spec, "lowercase", true, where)),
        strips_(get_bool(spec, "strip_accents", lowers_, where)) {}

  void apply(std::string& text, bool& at_start) const override {
    if (cleans_) Filter(clean).apply(text, at_start);
    if (chinese_) set_apart(text);
    if (strips_) {
      UnicodeForm(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE).apply(text, at_start);
      Filter(without_accents).apply(text, at_start);
    }
    if (lowers_) text = lower_case(text);
  }

 private:
  static void set_apart(std::string& text) {
    std::string out;
    out.reserve(text.size());
    for (size_t at = 0; at < text.size();) {
      const size_t begin = at;
      const bool apart = is_chinese(next_code_point(text, at));
      if (apart) out += ' ';
      out.append(text, begin, at - begin);
      if (apart) out += ' ';
    }
    text = std::move(out);
  }

  bool cleans_, chinese_, lowers_, strips_;
};

class ByteLevelNormalizer : public Normalizer {
  void apply(std::string& text, bool&) const override { text = bytes_to_chars(text); }
};

class NormalizerSequence : public Normalizer {
 public:
  explicit NormalizerSequence(std::vector<std::unique_ptr<Normalizer>> parts)
      : parts_(std::move(parts)) {}
  void apply(std::string& text, bool& at_start) const override {
    const size_t before = text.size();
    for (const auto& part : parts_) {
      part->apply(text, at_start);
      check_growth(text.size(), before);
    }
  }

 private:
  std::vector<std::unique_ptr<Normalizer>> parts_;
};

}  // namespace

std::unique_ptr<Normalizer> make_normalizer(const Json& spec, const std::string& where) {
  if (spec.is_null()) return nullptr;
  const std::string type = get_string(spec, "type", where);
  const int stable = UTF8PROC_STABLE, compat = UTF8PROC_STABLE | UTF8PROC_COMPAT;
  if (type == "NFC") return std::make_unique<UnicodeForm>(stable | UTF8PROC_COMPOSE);
  if (type == "NFD") return std::make_unique<UnicodeForm>(stable | UTF8PROC_DECOMPOSE);
  if (type == "NFKC") return std::make_unique<UnicodeForm>(compat | UTF8PROC_COMPOSE);
  if (type == "NFKD") return std::make_unique<UnicodeForm>(compat | UTF8PROC_DECOMPOSE);
  if (type == "Lowercase") return std::make_unique<Lowercase>();
  if (type == "Prepend") return std::make_unique<Prepend>(get_string(spec, "prepend", where));
  if (type == "Replace") {
    return std::make_unique<Replace>(pattern_from_json(get(spec, "pattern", where), where),
                                     get_string(spec, "content", where));
  }
  if (type == "Strip") {
    return std::make_unique<Strip>(get_bool(spec, "strip_left", true, where),
                                   get_bool(spec, "strip_right", true, where));
  }
  if (type == "Precompiled") {
    const auto rules = get_string(spec, "precompiled_charsmap", "", where);
    return std::make_unique<Precompiled>(from_base64(rules, where), where);
  }
  if (type == "BertNormalizer") return std::make_unique<BertNormalizer>(spec, where);
  if (type == "StripAccents") return std::make_unique<Filter>(without_marks);
  if (type == "Nmt") return std::make_unique<Filter>(nmt);
  if (type == "ByteLevel") return std::make_unique<ByteLevelNormalizer>();
  if (type == "Sequence") {
    std::vector<std::unique_ptr<Normalizer>> parts;
    for (const Json* part : sequence_parts(spec, "normalizers", where))
      parts.push_back(make_normalizer(*part, where));
    return std::make_unique<NormalizerSequence>(std::move(parts));
  }
  fail("{} is of type {}, which is not supported{}", where, type,
       suggestion(type, {"NFC", "NFD", "NFKC", "NFKD", "Lowercase", "Prepend", "Replace", "Strip",
                         "Precompiled", "BertNormalizer", "StripAccents", "Nmt", "ByteLevel",
                         "Sequence"}));
}

}  // namespace bench::text
