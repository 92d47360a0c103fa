#pragma once
#include "core/method.h"
#include "fixture.h"
#include "measure/statistics.h"

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

/// A group's part as an allocator sees it.
inline Part units_part(const std::string& name, int64_t units, int64_t unit_width, double weight,
                       const std::string& kind, int64_t at_least = 1) {
  Part p;
  p.name = name, p.shape = {units}, p.size = units, p.kind = kind;
  p.unit_width = unit_width, p.weight = weight, p.at_least = at_least;
  return p;
}
inline Part weights_part(const std::string& name, std::vector<int64_t> shape, int64_t size) {
  Part p;
  p.name = name, p.shape = std::move(shape), p.size = size;
  return p;
}
inline std::vector<Share> shares(const Allocator& a, const std::vector<Part>& parts, double target,
                                 std::vector<Tensor> scores = {}) {
  const HeldScores held(std::move(scores));
  return a.shares({parts, held, Stats(), target});
}

/// The mask that an update leaves; the layer holds the weights.
inline Tensor repair(const Update& update, Layer& layer, const Tensor& mask, const Stats& stats) {
  const Part part = weights_part(layer.name, layer.weight.sizes().vec(), layer.weight.numel());
  const Pattern pattern;
  Site site{layer, mask, part, pattern, Contest::Layer, {}, stats, {}};
  update.apply(site);
  return site.mask;
}

/// Equal to rounding: hand-computed values have seven digits.
inline bool near(const Tensor& found, const Tensor& expected) {
  return at::allclose(found.to(at::kDouble), expected.to(at::kDouble), 1e-6, 1e-7);
}

}  // namespace bench::test
