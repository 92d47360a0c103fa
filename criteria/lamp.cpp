// LAMP (Lee et al. 2021, arXiv 2010.07611; jaeho-lee/layer-adaptive-sparsity@94e53b1
// tools/pruners.py): w^2 over the sum of all squares of the layer that are not smaller, which makes
// weights of different layers comparable. As a criterion it wants allocator=global; as an allocator
// it gives the layer counts of any criterion's scores. Units of coupled layers: the group's norms,
// normalised the same way (VainF/Torch-Pruning importance.py:296).
#include <cmath>

#include "core/allocator.h"
#include "core/criterion.h"
#include "measure/normalize.h"

namespace bench {
namespace {

class Lamp : public Criterion {
 public:
  Tensor score(const View& view, const Stats&) const override {
    return lamp_scores(view.weight.square()).to(at::kFloat);
  }
  Tensor units(const Group& group, const Stats&) const override {
    std::vector<Tensor> all;
    for (const auto& s : group.rooted())
      all.push_back(member_channels(group, s, s.layer->matrix().square()));
    for (const auto& f : group.followers)
      if (!f.name.empty()) all.push_back(f.values->square().to(at::kDouble));
    return lamp_scores(reduce_members(group, all, "mean"));
  }
};

void only_weights(const Pattern& p, const char* name) {
  if (p.kind != Pattern::Unstructured)
    fail("allocator {}: counts the weights of each layer; it needs pattern=unstructured", name);
  if (p.contest == Contest::Row)
    fail("allocator {}: gives counts of whole layers; pattern per=row needs uniform", name);
}

/// How many weights of each layer go when LAMP scores of the criterion's scores are pooled.
class LampCounts : public Allocator {
 public:
  void check(const Pattern& p) const override { only_weights(p, "lamp"); }
  bool wants_scores() const override { return true; }
  void observe(const Part&, const Tensor& score) override {
    seen_.push_back(lamp_scores(score.detach().to(at::kCPU).square()).flatten().to(at::kFloat));
  }
  std::vector<Share> shares(const std::vector<Part>& parts, double target) override {
    const auto pooled = at::cat(seen_);
    seen_.clear();
    const double total = static_cast<double>(pooled.numel());
    const auto stay = static_cast<int64_t>(std::nearbyint(total * (1 - target)));
    const auto keep = select(pooled.reshape({1, -1}), Contest::Layer, 0, pooled.numel() - stay);
    std::vector<Share> out;
    int64_t at = 0;
    for (const auto& p : parts) {
      const auto kept = keep.flatten().narrow(0, at, p.size).sum().item<int64_t>();
      out.push_back({1 - static_cast<double>(kept) / static_cast<double>(p.size), p.size - kept});
      at += p.size;
    }
    return out;
  }

 private:
  std::vector<Tensor> seen_;
};

/// Uniform+ (Gale et al. 2019, arXiv 1902.09574): a first convolution stays dense, the last layer
/// keeps at least a fifth (tools/pruners.py:64-101).
class UniformPlus : public Allocator {
 public:
  void check(const Pattern& p) const override { only_weights(p, "uniform_plus"); }
  std::vector<Share> shares(const std::vector<Part>& parts, double target) override {
    if (parts.size() < 3) fail("allocator uniform_plus: needs at least three layers");
    const bool convolution = parts.front().shape.size() == 4;
    double all = 0;
    for (const auto& p : parts) all += static_cast<double>(p.size);
    const double goes = std::nearbyint(all * target);
    const double first = convolution ? static_cast<double>(parts.front().size) : 0;
    const double last = static_cast<double>(parts.back().size);
    double share = goes / (all - first), of_last = share;
    if (std::nearbyint((1 - share) * last) < std::nearbyint(last * 0.2)) {
      const double last_goes = last - std::nearbyint(last * 0.2);
      share = (goes - last_goes) / (all - first - last);
      of_last = last_goes / last;
    }
    if (share > 1)
      fail(
          "allocator uniform_plus: cannot remove {:.2f} of the weights while the first "
          "convolution and a fifth of the last layer stay",
          target);
    std::vector<Share> out;
    for (size_t i = 0; i < parts.size(); ++i) {
      const double r = i == 0 && convolution ? 0 : i + 1 == parts.size() ? of_last : share;
      out.push_back(
          {r, static_cast<int64_t>(std::nearbyint(r * static_cast<double>(parts[i].size)))});
    }
    return out;
  }
};

BENCH_REGISTER(Criterion, Lamp, "lamp", "w^2 over the squares that are not smaller");
BENCH_REGISTER(Allocator, LampCounts, "lamp", "layer counts of pooled LAMP scores");
BENCH_REGISTER(Allocator, UniformPlus, "uniform_plus",
               "uniform, but the first convolution stays dense and the last layer keeps a fifth");

}  // namespace
}  // namespace bench
