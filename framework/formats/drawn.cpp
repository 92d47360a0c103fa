#include "formats/drawn.h"

#include <cmath>

#include "base/error.h"
#include "kernels/philox.h"

namespace bench {
namespace {

constexpr int64_t kMostValues = 1 << 28;

std::vector<int64_t> shape_of(const nlohmann::json& given, const std::string& name,
                              const std::string& where) {
  std::vector<int64_t> shape;
  int64_t values = 1;
  if (given.is_array() && given.size() <= 4)
    for (const auto& n : given) {
      const auto size = n.is_number_unsigned() ? n.get<uint64_t>() : 0;
      if (size < 1 || size > kMostValues) break;
      shape.push_back(static_cast<int64_t>(size));
      values *= shape.back();
      if (values > kMostValues) break;
    }
  if (shape.empty() || shape.size() != given.size() || values > kMostValues)
    fail("{}: drawn: the shape of {} is no list of one to four sizes", where, name);
  return shape;
}

}  // namespace

Tensor drawn_tensor(const std::string& name, at::IntArrayRef shape, uint64_t seed) {
  if (shape.size() < 2) {
    const bool one = name.ends_with(".weight") || name.ends_with(".running_var");
    return at::full(shape, one ? 1.0 : 0.0, at::kFloat);
  }
  auto w = at::empty(shape, at::kFloat);
  kernels::fill_normal({seed, kernels::fnv1a(name), kernels::Purpose::Training}, 0, w.numel(),
                       w.mutable_data_ptr<float>());
  const double inputs = static_cast<double>(w.numel()) / static_cast<double>(shape[0]);
  return w * std::sqrt(2 / inputs);
}

TensorMap drawn_tensors(const nlohmann::json& drawn, const std::string& where, bool described) {
  if (!drawn.is_object()) fail("{}: drawn is no map of seed, shapes and norms", where);
  TensorMap all;
  uint64_t seed = 0;
  const auto draw = [&](const std::string& name, const std::vector<int64_t>& shape) {
    auto t = described ? at::empty(shape, at::device(at::kMeta).dtype(at::kFloat))
                       : drawn_tensor(name, shape, seed);
    if (!all.emplace(name, std::move(t)).second) fail("{}: drawn names {} twice", where, name);
  };
  if (const auto it = drawn.find("seed"); it != drawn.end()) {
    if (!it->is_number_unsigned()) fail("{}: drawn.seed is no whole number", where);
    seed = it->get<uint64_t>();
  }
  for (const auto& [key, part] : drawn.items()) {
    if (key == "seed") continue;
    if ((key != "shapes" && key != "norms") || !part.is_object())
      fail("{}: drawn.{} is none of seed, shapes, norms", where, key);
    for (const auto& [name, size] : part.items()) {
      if (key == "shapes") {
        draw(name, shape_of(size, name, where));
        continue;
      }
      const auto shape = shape_of(nlohmann::json::array({size}), name, where);
      for (const char* tensor : {".weight", ".bias", ".running_mean", ".running_var"})
        draw(name + tensor, shape);
    }
  }
  return all;
}

}  // namespace bench
