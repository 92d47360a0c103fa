#include "config/about.h"

#include <array>

namespace bench {
namespace {

template <size_t n, class Enum>
const char* name_in(const std::array<const char*, n>& names, Enum value) {
  return names.at(static_cast<size_t>(value));
}

}  // namespace

const char* name_of(About::When when) {
  return name_in(std::array{"any", "before", "during", "after", "dynamic"}, when);
}
const char* name_of(About::Data data) {
  return name_in(std::array{"none", "unlabelled", "labelled"}, data);
}
const char* name_of(About::How how) {
  return name_in(std::array{"scored", "learned", "searched", "fixed"}, how);
}

}  // namespace bench
