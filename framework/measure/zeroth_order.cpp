// Forward-only gradient by symmetric differences (SPSA; mini_llm.md 2). Weights are never written:
// the lens of each layer computes with W + eps z and W - eps z, both from the untouched tensor.
#include "measure/zeroth_order.h"

#include <set>

#include "core/borrowed.h"
#include "kernels/perturbed.h"
#include "kernels/twins.h"
#include "measure/sequence_loss.h"
#include "tensor/rows.h"

namespace bench {
namespace {

kernels::Stream stream_of(const std::string& name, uint64_t seed) {
  return {seed, kernels::fnv1a(name), kernels::Purpose::Direction};
}

/// Where directions are used part by part and never stored.
bool in_parts(const Tensor& w) {
  return w.is_cpu() && w.scalar_type() == at::kFloat && w.is_contiguous();
}

struct Both {
  Tensor plus, minus;
};

/// W + eps z and W - eps z from one z.
Both perturbed(const Layer& l, uint64_t seed, Directions kind, float eps) {
  if (!in_parts(l.weight)) {
    const auto delta = direction(l, seed, kind).mul_(eps);
    const auto w = at_least_float(l.weight);
    return {w + delta, w - delta};
  }
  const Both b{at::empty_like(l.weight), at::empty_like(l.weight)};
  const auto* w = l.weight.const_data_ptr<float>();
  auto *plus = b.plus.mutable_data_ptr<float>(), *minus = b.minus.mutable_data_ptr<float>();
  kernels::each_direction(stream_of(l.weight_name(), seed), kind == Directions::Rademacher,
                          l.weight.numel(), [&](int64_t at, int64_t n, const float* z) {
                            kernels::perturb_both(w + at, z, eps, n, plus + at, minus + at);
                          });
  return b;
}

/// The rows of the first half see W + eps z, those of the second W - eps z: one z serves both.
void perturb(Heard<ZerothOrder> heard, uint64_t seed, Directions kind, float eps,
             Borrowed& borrowed) {
  for (const auto& [layer, s] : heard)
    borrowed.lens(*layer, [=](const Layer& l, const Tensor& x) {
      const auto w = perturbed(l, seed, kind, eps);
      const int64_t half = x.size(0) / 2;
      return at::cat({linear_rows(x.narrow(0, 0, half), w.plus, l.bias),
                      linear_rows(x.narrow(0, half, half), w.minus, l.bias)});
    });
}

Tensor direction_of(const std::string& name, const Tensor& like, uint64_t seed, Directions kind);

/// The whole model stands at W + eps z (eps may be negative) until the end of the scope: the layers
/// through their lens, one at a time, all else by handle.
struct Perturbed {
  Perturbed(Model& model, uint64_t seed, Directions kind, float eps) {
    std::set<const Tensor*> weights;
    for (Layer* l : model.layers()) {
      weights.insert(&l->weight);
      borrowed.lens(*l, [=](const Layer& layer, const Tensor& x) {
        auto w = direction(layer, seed, kind).mul_(eps);
        return linear_rows(x, w.add_(layer.weight), layer.bias);
      });
    }
    for (const auto& t : model.tensors()) {
      if (!t.parameter || !t.tensor->defined() || weights.count(t.tensor)) continue;
      borrowed.tensor(*t.tensor) =
          *t.tensor + direction_of(t.name, *t.tensor, seed, kind).mul_(eps);
    }
  }

  Borrowed borrowed;
};

double loss_of(const Model& model, const Batch& one) {
  return sequence_loss(model, model.body(one, /*wide=*/true), one);
}

/// Both losses with every parameter perturbed.
void measure_everything(const Probe& p, const ZerothOrder& how, const Batch& one, Difference& d) {
  const auto eps = static_cast<float>(how.eps);
  {
    const Perturbed plus(p.model, d.seed, how.kind, eps);
    d.plus = loss_of(p.model, one);
  }
  const Perturbed minus(p.model, d.seed, how.kind, -eps);
  d.minus = loss_of(p.model, one);
}

Batch doubled(const Batch& one) {
  Batch both;
  const int64_t n = one.ids.size(0);
  both.ids = at::cat({one.ids, one.ids});
  both.positions = at::cat({one.positions, one.positions});
  both.starts = {0, n, 2 * n};
  return both;
}

/// Both losses with the scored weights perturbed, in one pass.
void measure_scored(const Probe& p, Heard<ZerothOrder> heard, const Batch& one, Difference& d) {
  const auto& how = *heard.front().second;
  const auto both = doubled(one);
  const int64_t n = one.ids.size(0);
  Borrowed borrowed;
  perturb(heard, d.seed, how.kind, static_cast<float>(how.eps), borrowed);
  const auto hidden = p.model.body(both, /*wide=*/true);
  d.plus = sequence_loss(p.model, hidden.narrow(0, 0, n), one);
  d.minus = sequence_loss(p.model, hidden.narrow(0, n, n), one);
}

void measure(const Probe& p, Heard<ZerothOrder> heard) {
  at::NoGradGuard no_grad;
  for (const auto& [layer, s] : heard)
    if (layer->is_conv()) fail("the zeroth-order gradient is made for models of text");
  const auto sequences = split(p.data.batches);
  const auto& how = *heard.front().second;
  std::vector<Difference> found;
  for (int64_t i = 0; i < how.count; ++i) {
    const auto& one = sequences[static_cast<size_t>(i) % sequences.size()];
    Difference d{how.seed + static_cast<uint64_t>(i)};
    if (how.everything)
      measure_everything(p, how, one, d);
    else
      measure_scored(p, heard, one, d);
    d.p = (d.plus - d.minus) / (2 * how.eps);
    found.push_back(d);
  }
  for (const auto& [layer, s] : heard) s->differences = found;
}

const Pass kZerothOrderPass = pass_of<ZerothOrder>(Pass::Global, measure);

}  // namespace

const Pass& ZerothOrder::pass() {
  return kZerothOrderPass;
}

Statistic::Notes ZerothOrder::notes() const {
  Notes all;
  for (const auto& d : differences) {
    all["zeroth_order.L1"].push_back(d.plus);
    all["zeroth_order.L2"].push_back(d.minus);
    all["zeroth_order.p"].push_back(d.p);
  }
  return all;
}

namespace {

Tensor direction_of(const std::string& name, const Tensor& like, uint64_t seed, Directions kind) {
  const auto stream = stream_of(name, seed);
  const bool rademacher = kind == Directions::Rademacher;
  const auto* twin = like.is_cuda() ? kernels::twins() : nullptr;
  auto z = at::empty(like.sizes(),
                     at::TensorOptions(at::kFloat).device(twin ? like.device() : at::kCPU));
  auto* out = z.mutable_data_ptr<float>();
  if (twin)
    kernels::check_cuda(
        twin->fill(stream.seed, stream.name_hash, static_cast<uint32_t>(stream.purpose), rademacher,
                   0, z.numel(), out),
        "fill");
  else if (rademacher)
    kernels::fill_rademacher(stream, 0, z.numel(), out);
  else
    kernels::fill_normal(stream, 0, z.numel(), out);
  return z.to(like.device());
}

}  // namespace

Tensor direction(const Layer& layer, uint64_t seed, Directions kind) {
  return direction_of(layer.weight_name(), layer.weight, seed, kind);
}

Tensor zeroth_order_gradient(const Layer& layer, const std::vector<Difference>& differences,
                             Directions kind, bool divide) {
  auto sum = at::zeros(layer.weight.sizes(), layer.weight.options().dtype(at::kFloat));
  for (const auto& d : differences) {
    if (!divide && in_parts(layer.weight)) {
      auto* to = sum.mutable_data_ptr<float>();
      const auto p = static_cast<float>(d.p);
      kernels::each_direction(
          stream_of(layer.weight_name(), d.seed), kind == Directions::Rademacher, sum.numel(),
          [&](int64_t at, int64_t n, const float* z) { kernels::add_scaled(z, p, n, to + at); });
      continue;
    }
    auto z = direction(layer, d.seed, kind);
    if (!divide) {
      sum.add_(z, d.p);
      continue;
    }
    const auto quotient = at::full({}, d.p, z.options()) / z;
    sum += quotient.masked_fill(z == 0, 0);
  }
  return (sum / static_cast<double>(differences.size())).flatten(1);
}

}  // namespace bench
