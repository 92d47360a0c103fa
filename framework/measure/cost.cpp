#include "measure/cost.h"

#include "base/error.h"
#include "core/borrowed.h"

namespace bench {

std::map<const Layer*, int64_t> output_positions(Model& model, const Batch& batch) {
  at::NoGradGuard no_grad;
  std::map<const Layer*, int64_t> positions;
  if (batch.is_text()) {
    for (const Layer* l : model.layers()) positions[l] = 1;
    return positions;
  }
  auto one = batch;
  one.images = batch.images.narrow(0, 0, 1);
  one.batch_statistics = false;
  Borrowed borrowed;
  for (Layer* l : model.layers())
    borrowed.tap(*l, [&positions, l](const Tensor& x, const Tensor&) { positions[l] = x.size(0); });
  model.forward(one);
  return positions;
}

int64_t kept_outputs(const Layer& l) {
  return l.mask.defined() ? l.mask.any(1).sum().item<int64_t>() : l.rows();
}

int64_t kept_inputs(const Layer& l) {
  const auto channels = l.weight.size(1);
  if (!l.mask.defined()) return channels;
  return l.mask.any(0).reshape({channels, -1}).any(1).sum().item<int64_t>();
}

namespace {

void add(Cost& all, const Layer& l, int64_t out, int64_t in,
         const std::map<const Layer*, int64_t>& positions) {
  const auto at = positions.find(&l);
  if (at == positions.end()) fail("{}: its output size is not known", l.name);
  auto weights = l.low_rank.alone ? 0 : out * in * l.columns_per_channel();
  if (l.low_rank.u.defined()) weights += (out + in) * l.low_rank.u.size(1);
  all.params += weights;
  all.macs += weights * at->second;
  all.acts += out * at->second;
}

}  // namespace

Cost cost_of(Model& model, const std::map<const Layer*, int64_t>& positions) {
  Cost all;
  for (const Layer* l : model.layers()) add(all, *l, kept_outputs(*l), kept_inputs(*l), positions);
  return all;
}

Cost cost_without(Model& model, const std::map<const Layer*, int64_t>& positions,
                  const std::vector<Group>& groups, const std::vector<int64_t>& gone) {
  std::map<const Layer*, std::pair<int64_t, int64_t>> minus;
  for (size_t i = 0; i < groups.size(); ++i)
    for (const auto& s : groups[i].slices) {
      auto& [out, in] = minus[s.layer];
      // Which of the experts went is not known here: each of their matrices bears its share.
      const auto n = gone[i] * s.width * s.stretches / (s.unit < 0 ? 1 : groups[i].units);
      if (s.dim == Slice::Out)
        out += n;
      else
        in += n / s.layer->columns_per_channel();
    }
  Cost all;
  for (const Layer* l : model.layers()) {
    const auto& [out, in] = minus[l];
    add(all, *l, l->rows() - out, l->weight.size(1) - in, positions);
  }
  return all;
}

double cost_in(const Cost& c, const std::string& budget) {
  return static_cast<double>(budget == "macs" ? c.macs : budget == "acts" ? c.acts : c.params);
}

}  // namespace bench
