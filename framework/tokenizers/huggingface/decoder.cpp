#include "tokenizers/huggingface/decoder.h"

#include "base/error.h"
#include "base/near.h"
#include "tokenizers/huggingface/byte_level.h"
#include "tokenizers/regex/pattern_json.h"
#include "base/utf8.h"
#include "tokenizers/huggingface/vocabulary.h"

namespace bench::text {

namespace {

using Tokens = std::vector<std::string>;

class ByteLevelDecoder : public Decoder {
  void apply(Tokens& tokens) const override {
    std::string bytes;
    for (const auto& token : tokens) bytes += chars_to_bytes(token);
    tokens = {lossy_utf8(bytes)};
  }
};

class ByteFallback : public Decoder {
  void apply(Tokens& tokens) const override {
    Tokens out;
    std::string bytes;
    const auto flush = [&] {
      if (bytes.empty()) return;
      // A run that is not UTF-8 as a whole gives one U+FFFD a byte.
      if (invalid_utf8(bytes) == std::string_view::npos) {
        out.push_back(bytes);
      } else {
        out.insert(out.end(), bytes.size(), std::string(kReplacement));
      }
      bytes.clear();
    };
    for (auto& token : tokens) {
      if (const auto byte = byte_of_token(token)) {
        bytes += *byte;
      } else {
        flush();
        out.push_back(std::move(token));
      }
    }
    flush();
    tokens = std::move(out);
  }
};

class Fuse : public Decoder {
  void apply(Tokens& tokens) const override {
    std::string all;
    for (const auto& token : tokens) all += token;
    tokens = {all};
  }
};

class StripDecoder : public Decoder {
 public:
  StripDecoder(std::string content, int64_t start, int64_t stop)
      : content_(std::move(content)), start_(start), stop_(stop) {}

  void apply(Tokens& tokens) const override {
    for (auto& token : tokens) {
      std::string_view left = token;
      for (int64_t i = 0; i < start_ && left.starts_with(content_); ++i)
        left.remove_prefix(content_.size());
      for (int64_t i = 0; i < stop_ && left.ends_with(content_); ++i)
        left.remove_suffix(content_.size());
      token = std::string(left);
    }
  }

 private:
  std::string content_;
  int64_t start_, stop_;
};

class ReplaceDecoder : public Decoder {
 public:
  ReplaceDecoder(Pattern pattern, std::string content)
      : pattern_(std::move(pattern)), content_(std::move(content)) {}
  void apply(Tokens& tokens) const override {
    for (auto& token : tokens) token = pattern_.replace(token, content_);
  }

 private:
  Pattern pattern_;
  std::string content_;
};

class MetaspaceDecoder : public Decoder {
 public:
  MetaspaceDecoder(const std::string& replacement, bool prepends)
      : blank_(Pattern::literal(replacement)), prepends_(prepends) {}
  void apply(Tokens& tokens) const override {
    for (size_t i = 0; i < tokens.size(); ++i)
      tokens[i] = blank_.replace(tokens[i], i == 0 && prepends_ ? "" : " ");
  }

 private:
  Pattern blank_;
  bool prepends_;
};

/// Words with blanks between them; blanks before marks go (decoders/wordpiece.rs, cleanup).
class WordPieceDecoder : public Decoder {
 public:
  WordPieceDecoder(std::string prefix, bool cleanup)
      : prefix_(std::move(prefix)), cleanup_(cleanup) {}
  void apply(Tokens& tokens) const override {
    for (size_t i = 0; i < tokens.size(); ++i) {
      auto& token = tokens[i];
      if (i > 0) token = token.starts_with(prefix_) ? token.substr(prefix_.size()) : " " + token;
      if (cleanup_) tidy(token);
    }
  }

 private:
  static void tidy(std::string& text) {
    static const std::vector<std::pair<std::string, std::string>> kRules{
        {" .", "."},   {" ?", "?"},     {" !", "!"},    {" ,", ","},
        {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},  {" do not", " don't"},
        {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
    for (const auto& [from, to] : kRules) text = Pattern::literal(from).replace(text, to);
  }
  std::string prefix_;
  bool cleanup_;
};

class DecoderSequence : public Decoder {
 public:
  explicit DecoderSequence(std::vector<std::unique_ptr<Decoder>> parts)
      : parts_(std::move(parts)) {}
  void apply(Tokens& tokens) const override {
    const auto size = [&] {
      size_t sum = 0;
      for (const auto& token : tokens) sum += token.size();
      return sum;
    };
    const size_t before = size();
    for (const auto& part : parts_) {
      part->apply(tokens);
      check_growth(size(), before);
    }
  }

 private:
  std::vector<std::unique_ptr<Decoder>> parts_;
};

std::unique_ptr<Decoder> make_strip(const Json& spec, const std::string& where) {
  const auto content = get_string(spec, "content", where);
  if (count_chars(content) != 1) fail("{} strips \"{}\", not one character", where, content);
  return std::make_unique<StripDecoder>(content, get_int(spec, "start", where),
                                        get_int(spec, "stop", where));
}

std::unique_ptr<Decoder> make_metaspace(const Json& spec, const std::string& where) {
  const bool prefix = get_bool(spec, "add_prefix_space", true, where);
  const auto scheme = get_string(spec, "prepend_scheme", prefix ? "always" : "never", where);
  const auto replacement = get_string(spec, "replacement", std::string(kBlank), where);
  if (count_chars(replacement) != 1)
    fail("{} puts blanks for \"{}\", not for one character", where, replacement);
  return std::make_unique<MetaspaceDecoder>(replacement, scheme != "never");
}

}  // namespace

std::unique_ptr<Decoder> make_decoder(const Json& spec, const std::string& where) {
  if (spec.is_null()) return nullptr;
  const std::string type = get_string(spec, "type", where);
  if (type == "ByteLevel") return std::make_unique<ByteLevelDecoder>();
  if (type == "ByteFallback") return std::make_unique<ByteFallback>();
  if (type == "Fuse") return std::make_unique<Fuse>();
  if (type == "Strip") return make_strip(spec, where);
  if (type == "Metaspace") return make_metaspace(spec, where);
  if (type == "Replace") {
    return std::make_unique<ReplaceDecoder>(pattern_from_json(get(spec, "pattern", where), where),
                                            get_string(spec, "content", where));
  }
  if (type == "WordPiece") {
    return std::make_unique<WordPieceDecoder>(get_string(spec, "prefix", "##", where),
                                              get_bool(spec, "cleanup", true, where));
  }
  if (type == "Sequence") {
    std::vector<std::unique_ptr<Decoder>> parts;
    for (const Json* part : sequence_parts(spec, "decoders", where))
      parts.push_back(make_decoder(*part, where));
    return std::make_unique<DecoderSequence>(std::move(parts));
  }
  fail("{} is of type {}, which is not supported{}", where, type,
       suggestion(type, {"ByteLevel", "ByteFallback", "Fuse", "Strip", "Metaspace", "Replace",
                         "WordPiece", "Sequence"}));
}

}  // namespace bench::text
