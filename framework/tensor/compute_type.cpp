#include "tensor/compute_type.h"

#include <algorithm>

#include "base/error.h"
#include "base/near.h"

namespace bench {
namespace {

constexpr std::pair<const char*, at::ScalarType> kTypes[] = {
    {"float32", at::kFloat}, {"bfloat16", at::kBFloat16}, {"float16", at::kHalf}};

}  // namespace

const std::vector<std::string>& compute_types() {
  static const std::vector<std::string> all = [] {
    std::vector<std::string> names;
    for (const auto& [name, type] : kTypes) names.emplace_back(name);
    return names;
  }();
  return all;
}

at::ScalarType compute_type(const std::string& name) {
  for (const auto& [known, type] : kTypes)
    if (name == known) return type;
  fail("the compute type '{}' is not known{}", name, suggestion(name, compute_types()));
}

std::string name_of(at::ScalarType type) {
  for (const auto& [name, known] : kTypes)
    if (type == known) return name;
  return c10::toString(type);
}

}  // namespace bench
