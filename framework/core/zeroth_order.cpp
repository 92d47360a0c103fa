// Forward-only gradient by symmetric differences (SPSA; mini_llm.md 2). Weights are never written:
// the lens of each layer computes with W + eps z and W - eps z, both from the untouched tensor.
#include "core/zeroth_order.h"

#include "core/rows.h"
#include "kernels/twins.h"

namespace bench {
namespace {

constexpr int64_t kScored = 256;  // rows of logits that are held in float64 at a time

/// Mean negative log-likelihood of one sequence's hidden states, log-softmax and sums in float64.
double sequence_loss(const Model& model, const Tensor& hidden, const Batch& batch) {
  double sum = 0;
  const int64_t n = hidden.size(0) - 1;
  for (int64_t at = 0; at < n; at += kScored) {
    const auto rows = std::min(kScored, n - at);
    const auto logits = model.head(hidden.narrow(0, at, rows), batch).to(at::kDouble);
    const auto next = batch.ids.narrow(0, at + 1, rows).unsqueeze(1);
    sum += (logits.logsumexp(1) - logits.gather(1, next).squeeze(1)).sum().item<double>();
  }
  return sum / static_cast<double>(n);
}

/// Lenses are off again however the scope ends.
struct Lenses {
  explicit Lenses(const Listeners& all) : all_(all) {}
  ~Lenses() {
    for (const auto& [layer, list] : all_) layer->lens = nullptr;
  }
  /// The rows of the first half see W + eps z, those of the second W - eps z: one z serves both.
  void perturb(uint64_t seed, Directions kind, float eps) {
    for (const auto& [layer, list] : all_)
      layer->lens = [=](const Layer& l, const Tensor& x) {
        auto delta = direction(l, seed, kind).mul_(eps);
        const int64_t half = x.size(0) / 2;
        const auto plus = linear_rows(x.narrow(0, 0, half), l.weight + delta, l.bias);
        const auto below = at::sub_out(delta, l.weight, delta);
        const auto minus = linear_rows(x.narrow(0, half, half), below, l.bias);
        return at::cat({plus, minus});
      };
  }
  const Listeners& all_;
};

Batch doubled(const Batch& one) {
  Batch both;
  const int64_t n = one.ids.size(0);
  both.ids = at::cat({one.ids, one.ids});
  both.positions = at::cat({one.positions, one.positions});
  both.starts = {0, n, 2 * n};
  return both;
}

void measure(const Probe& p, const Listeners& stats) {
  at::NoGradGuard no_grad;
  for (const auto& [layer, list] : stats)
    if (layer->is_conv()) fail("the zeroth-order gradient is made for models of text");
  // A pass serves every kind that asked for it; each kind runs by itself.
  std::map<std::string, std::vector<ZerothOrder*>> kinds;
  for (const auto& [layer, list] : stats)
    for (auto* s : list) {
      auto* z = static_cast<ZerothOrder*>(s);
      kinds[fmt::format("{}|{}|{}|{}", z->count, z->eps, int(z->kind), z->seed)].push_back(z);
    }
  const auto sequences = split(p.data.batches);
  for (auto& [name, all] : kinds) {
    const auto& how = *all.front();
    std::vector<Difference> found;
    for (int64_t i = 0; i < how.count; ++i) {
      const auto& one = sequences[static_cast<size_t>(i) % sequences.size()];
      const auto both = doubled(one);
      const int64_t n = one.ids.size(0);
      Difference d{how.seed + static_cast<uint64_t>(i)};
      Lenses lenses(stats);
      lenses.perturb(d.seed, how.kind, static_cast<float>(how.eps));
      auto hidden = p.model.stem(both);
      for (int64_t b = 0; b < p.model.block_count(); ++b) hidden = p.model.block(b, hidden, both);
      d.plus = sequence_loss(p.model, hidden.narrow(0, 0, n), one);
      d.minus = sequence_loss(p.model, hidden.narrow(0, n, n), one);
      d.p = (d.plus - d.minus) / (2 * how.eps);
      found.push_back(d);
    }
    for (auto* s : all) s->differences = found;
  }
}

const Pass kZerothOrderPass{Pass::Global, measure};

}  // namespace

const Pass& ZerothOrder::pass() {
  return kZerothOrderPass;
}

Tensor direction(const Layer& layer, uint64_t seed, Directions kind) {
  const kernels::Stream stream{seed, kernels::fnv1a(layer.weight_name()),
                               kernels::Purpose::Direction};
  const bool rademacher = kind == Directions::Rademacher;
  const auto* twin = layer.weight.is_cuda() ? kernels::twins() : nullptr;
  auto z = at::empty(layer.weight.sizes(),
                     at::TensorOptions(at::kFloat).device(twin ? layer.weight.device() : at::kCPU));
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
  return z.to(layer.weight.device());
}

Tensor zeroth_order_gradient(const Layer& layer, const std::vector<Difference>& differences,
                             Directions kind, bool divide) {
  auto sum = at::zeros(layer.weight.sizes(), layer.weight.options().dtype(at::kFloat));
  for (const auto& d : differences) {
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
