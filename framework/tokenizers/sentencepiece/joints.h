#pragma once
#include <string_view>
#include <unordered_map>

#include "tokenizers/huggingface/flat_map.h"
#include "base/utf8.h"

namespace bench::text {

/// Pairs of neighbouring characters that some merge may bring together. Between any two others a
/// text can be cut without changing its tokens, and the parts, mostly words, repeat. This makes a
/// document that no pre-tokenizer cuts as cheap as one that is cut.
class Joints {
 public:
  void add(uint32_t left, uint32_t right) { pairs_.insert(key(left, right), 1); }

  /// All neighbours within a token.
  void add_all(std::string_view token) {
    uint32_t before = 0;
    for (size_t at = 0; at < token.size();) {
      const bool first = at == 0;
      const uint32_t code = next_code_point(token, at);
      if (!first) add(before, code);
      before = code;
    }
  }

  /// use(part) for each part of the text. May a cut lie between two characters that cannot join?
  /// may_cut(left, right) decides, given the text of both.
  template <class MayCut, class Use>
  void parts(std::string_view text, MayCut&& may_cut, Use&& use) const {
    size_t begin = 0, before_at = 0;
    uint32_t before = 0;
    for (size_t at = 0; at < text.size();) {
      const size_t here = at;
      const uint32_t code = next_code_point(text, at);
      if (here > 0 && pairs_.find(key(before, code)) == FlatMap::kNone &&
          may_cut(text.substr(before_at, here - before_at), text.substr(here, at - here))) {
        use(text.substr(begin, here - begin));
        begin = here;
      }
      before = code;
      before_at = here;
    }
    if (begin < text.size()) use(text.substr(begin));
  }

 private:
  static uint64_t key(uint32_t left, uint32_t right) {
    return static_cast<uint64_t>(left) << 32 | right;
  }
  FlatMap pairs_;
};

/// Results by part, while one text is encoded.
template <class Result>
using PartCache = std::unordered_map<std::string_view, Result>;

}  // namespace bench::text
