#include "tokenizers/sentencepiece/charsmap.h"

#include "base/error.h"
#include "base/utf8.h"

namespace bench::text {

namespace {

uint32_t little_endian(std::string_view bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = 4; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

// The parts of a unit of Darts-clone's double array (darts.h, DoubleArrayUnit).
bool has_leaf(uint32_t unit) {
  return (unit >> 8 & 1) != 0;
}
size_t value(uint32_t unit) {
  return unit & 0x7FFFFFFFu;
}
uint32_t label(uint32_t unit) {
  return unit & 0x800000FFu;
}
size_t offset(uint32_t unit) {
  return static_cast<size_t>(unit >> 10) << ((unit & 1u << 9) >> 6);
}

}  // namespace

Charsmap::Charsmap(std::string_view blob, const std::string& source) : source_(source) {
  const auto broken = [&](const char* why) {
    fail("the normalisation rules of {} {}; fetch the file again", source, why);
  };
  if (blob.size() < 4) broken("are too short");
  const size_t size = little_endian(blob, 0);
  if (size == 0 || size % 4 != 0 || size > blob.size() - 4) broken("state a wrong size");
  for (size_t at = 4; at < 4 + size; at += 4) units_.push_back(little_endian(blob, at));
  texts_ = blob.substr(4 + size);
  if (invalid_utf8(texts_) != std::string_view::npos) broken("put in what is not UTF-8");
}

uint32_t Charsmap::unit(size_t at) const {
  if (at >= units_.size()) {
    fail("the normalisation rules of {} point outside of their table; fetch the file again",
         source_);
  }
  return units_[at];
}

std::optional<Charsmap::Rule> Charsmap::find(std::string_view text, bool first) const {
  std::optional<Rule> found;
  size_t node = 0;
  uint32_t here = unit(0);
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    node ^= offset(here) ^ byte;
    // A child may lie behind the end of the table when there is none: Darts pads, others need not.
    if (node >= units_.size()) break;
    here = units_[node];
    if (byte == 0 || label(here) != byte) break;
    if (!has_leaf(here)) continue;
    const size_t at = value(unit(node ^ offset(here)));
    const bool within =
        at < texts_.size() && (static_cast<unsigned char>(texts_[at]) & 0xC0) == 0x80;
    if (at > texts_.size() || within) unit(units_.size());
    const size_t end = texts_.find('\0', at);
    const size_t length = (end == std::string::npos ? texts_.size() : end) - at;
    found = Rule{i + 1, std::string_view(texts_).substr(at, length)};
    if (first) break;
  }
  return found;
}

}  // namespace bench::text
