#include "base/unicode.h"

#include <fmt/format.h>
#include <utf8proc.h>

#include <algorithm>
#include <iterator>

namespace bench::text {
namespace {

struct CodeRange {
  uint32_t first, last;
};
struct CategoryRange {
  uint32_t first, last;
  const char* category;
};
struct LowerPair {
  uint32_t from, to;
};

#include "base/unicode_newer.inc"

template <class Range, size_t N>
const Range* holding(const Range (&ranges)[N], uint32_t code) {
  const auto* at = std::upper_bound(std::begin(ranges), std::end(ranges), code,
                                    [](uint32_t c, const Range& r) { return c < r.first; });
  if (at == std::begin(ranges)) return nullptr;
  --at;
  return code <= at->last ? at : nullptr;
}

}  // namespace

std::string_view general_category(uint32_t code) {
  if (const auto* newer = holding(kNewer, code)) return newer->category;
  if (holding(kUnassigned, code)) return "Cn";
  return utf8proc_category_string(static_cast<utf8proc_int32_t>(code));
}

uint32_t simple_lower(uint32_t code) {
  const auto* at = std::lower_bound(std::begin(kNewerLower), std::end(kNewerLower), code,
                                    [](const LowerPair& p, uint32_t c) { return p.from < c; });
  if (at != std::end(kNewerLower) && at->from == code) return at->to;
  if (holding(kNewer, code) || holding(kUnassigned, code)) return code;
  return static_cast<uint32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(code)));
}

bool never_normalised(uint32_t code) {
  if (code < 0x300) return false;
  return holding(kNeverNormalised, code) || holding(kNewer, code) || holding(kUnassigned, code);
}

std::string newer_points(std::string_view category) {
  std::string out;
  for (const auto& r : kNewer)
    if (std::string_view(r.category).starts_with(category))
      out += fmt::format("\\x{{{:x}}}-\\x{{{:x}}}", r.first, r.last);
  return out;
}

}  // namespace bench::text
