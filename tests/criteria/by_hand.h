#pragma once
#include "measure/statistics.h"
#include "fixture.h"

namespace bench::test {

using Rows = std::vector<std::vector<float>>;

inline Tensor matrix(const Rows& rows) {
  std::vector<float> flat;
  for (const auto& r : rows) flat.insert(flat.end(), r.begin(), r.end());
  return at::tensor(flat).reshape({static_cast<int64_t>(rows.size()), -1});
}

inline Layer layer(const std::string& name, const Rows& weight) {
  Layer l;
  l.name = name;
  l.weight = matrix(weight);
  return l;
}

inline std::unique_ptr<Criterion> criterion(const std::string& name, Value::Map settings = {}) {
  return Registry<Criterion>::instance().create(name, Value{std::move(settings)});
}

/// What a calibration sequence of these token rows leaves at the layer's input.
inline void feed(Stats& stats, const Layer& l, const Rows& tokens) {
  stats.put<InputMoments>(l, need<InputMoments>()).on_input(matrix(tokens), 1);
}

/// A layer whose inputs have the Gram matrix h.
inline Stats with_gram(const Layer& l, const Tensor& h) {
  Stats stats;
  stats.put<InputGram>(l, need<InputGram>()).gram = h;
  return stats;
}

/// Equal to rounding: hand-computed values have seven digits.
inline bool near(const Tensor& found, const Tensor& expected) {
  return at::allclose(found.to(at::kDouble), expected.to(at::kDouble), 1e-6, 1e-7);
}

}  // namespace bench::test
