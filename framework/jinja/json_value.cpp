#include "jinja/json_value.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <unordered_map>

#include "base/error.h"
#include "base/utf8.h"

namespace bench {
namespace {

class JsonReader {
 public:
  JsonReader(std::string_view text, const std::string& where, const JsonBudget& budget)
      : text_(text), where_(where), budget_(budget) {}

  Value whole() {
    if (text_.size() > budget_.bytes)
      fail("{}: has {} bytes; at most {} MiB are read as one JSON value", where_, text_.size(),
           budget_.bytes >> 20);
    auto v = value(0);
    blanks();
    if (at_ < text_.size()) wrong("something follows the value");
    return v;
  }

 private:
  [[noreturn]] void wrong(const std::string& what) const {
    fail("{}: is no JSON: {} at byte {}", where_, what, at_);
  }
  bool done() const { return at_ >= text_.size(); }
  char now() const { return done() ? '\0' : text_[at_]; }
  void blanks() {
    while (!done() && (now() == ' ' || now() == '\t' || now() == '\n' || now() == '\r')) ++at_;
  }
  bool take(char c) {
    blanks();
    if (done() || now() != c) return false;
    ++at_;
    return true;
  }
  bool take(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }

  Value value(int depth) {
    if (depth > budget_.depth) wrong(fmt::format("it nests deeper than {} levels", budget_.depth));
    if (++values_ > budget_.values)
      fail("{}: holds more than {} values; split it over lines", where_, budget_.values);
    blanks();
    if (done()) wrong("it ends too early");
    if (now() == '{') return object(depth);
    if (now() == '[') return list(depth);
    if (now() == '"') return string();
    if (take("true")) return true;
    if (take("false")) return false;
    if (take("null")) return {};
    if (take("NaN")) return std::numeric_limits<double>::quiet_NaN();
    if (take("Infinity")) return std::numeric_limits<double>::infinity();
    if (take("-Infinity")) return -std::numeric_limits<double>::infinity();
    return number();
  }

  Value object(int depth) {
    ++at_;
    Value::Map map;
    std::unordered_map<std::string, size_t> places;  // a long object is not searched key by key
    if (take('}')) return map;
    do {
      blanks();
      if (now() != '"') wrong("a key in quotes is missing");
      auto key = string();
      if (!take(':')) wrong("a colon is missing");
      auto v = value(depth + 1);
      const auto [place, fresh] = places.try_emplace(key, map.size());
      if (fresh)
        map.push_back({std::move(key), std::move(v)});
      else
        map[place->second].value = std::move(v);
    } while (take(','));
    if (!take('}')) wrong("an object is not closed");
    return map;
  }

  Value list(int depth) {
    ++at_;
    Value::List all;
    if (take(']')) return all;
    do {
      all.push_back(value(depth + 1));
    } while (take(','));
    if (!take(']')) wrong("a list is not closed");
    return all;
  }

  uint32_t hex() {
    uint32_t code = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      const char c = now();
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) wrong("four hexadecimal digits are missing");
      code = code * 16 + static_cast<uint32_t>(digit);
    }
    return code;
  }

  void escaped(std::string& out) {
    const char c = now();
    ++at_;
    static constexpr std::string_view kNames = "\"\\/bfnrt", kBytes = "\"\\/\b\f\n\r\t";
    if (const auto i = kNames.find(c); i != std::string_view::npos) {
      out += kBytes[i];
      return;
    }
    if (c != 'u') wrong("an escape is not known");
    auto code = hex();
    if (code >= 0xD800 && code < 0xDC00 && take("\\u")) {
      const auto low = hex();
      if (low < 0xDC00 || low > 0xDFFF) wrong("half of a surrogate pair stands alone");
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    } else if (code >= 0xD800 && code <= 0xDFFF) {
      wrong("half of a surrogate pair stands alone");
    }
    text::append_code_point(out, code);
  }

  std::string string() {
    ++at_;
    std::string out;
    for (;;) {
      const auto end = text_.find_first_of("\"\\", at_);
      if (end == std::string_view::npos) wrong("a text is not closed");
      for (; at_ < end; ++at_) {
        if (static_cast<unsigned char>(text_[at_]) < 0x20) wrong("a control character");
        out += text_[at_];
      }
      ++at_;
      if (text_[end] == '"') return out;
      if (done()) wrong("a text is not closed");
      escaped(out);
    }
  }

  void digits() {
    if (now() < '0' || now() > '9') wrong("a value is missing");
    while (now() >= '0' && now() <= '9') ++at_;
  }

  Value number() {
    const auto begin = at_;
    if (now() == '-') ++at_;
    if (now() == '0' && at_ + 1 < text_.size() && text_[at_ + 1] >= '0' && text_[at_ + 1] <= '9')
      wrong("a number begins with 0");
    digits();
    bool whole = true;
    if (now() == '.') {
      whole = false, ++at_;
      digits();
    }
    if (now() == 'e' || now() == 'E') {
      whole = false, ++at_;
      if (now() == '+' || now() == '-') ++at_;
      digits();
    }
    const auto* first = text_.data() + begin;
    const auto* last = text_.data() + at_;
    if (whole) {
      int64_t i = 0;
      if (std::from_chars(first, last, i).ec == std::errc()) return i;
      fail("{}: the number {} is beyond 64 bits; write it as text", where_,
           text_.substr(begin, std::min<size_t>(at_ - begin, 40)));
    }
    double d = 0;
    if (std::from_chars(first, last, d).ec == std::errc::result_out_of_range)  // as Python has it
      d = std::strtod(std::string(first, last).c_str(), nullptr);
    return d;
  }

  std::string_view text_;
  const std::string& where_;
  JsonBudget budget_;
  size_t at_ = 0, values_ = 0;
};

}  // namespace

Value value_of_json(std::string_view json, const std::string& where, const JsonBudget& budget) {
  return JsonReader(json, where, budget).whole();
}

}  // namespace bench
