// LAMP (Lee et al. 2021, arXiv 2010.07611; jaeho-lee/layer-adaptive-sparsity@94e53b1
// tools/pruners.py): w^2 over the sum of all squares of the layer that are not smaller, which makes
// weights of different layers comparable. As a criterion it wants allocator=global; as an allocator
// it gives the layer counts of any criterion's scores. Units of coupled layers: the group's norms,
// normalised the same way (VainF/Torch-Pruning importance.py:296).
#include <cmath>

#include "core/allocator.h"
#include "core/criterion.h"
#include "measure/grouped.h"
#include "measure/normalize.h"
#include "measure/pooled.h"

namespace bench {
namespace {

class Lamp : public Criterion {
 public:
  static Schema schema() {
    return {key("members", "mean", "units: how their values are reduced over the coupled layers")
                .one_of({"mean", "sum", "max", "prod", "first", "last"}),
            key("p", 2, "units: the power of the norm").range(1, 8),
            key("bias", false,
                "units: biases of the writing layers and shifts of the norms are members too")};
  }
  explicit Lamp(const Config& c)
      : how_(c.get<std::string>("members"), "lamp"),
        p_(c.get<int64_t>("p")),
        bias_(c.get<bool>("bias")) {}
  Tensor score(const View& view, const Stats&) const override {
    return lamp_scores(view.weight.square()).to(at::kFloat);
  }
  Tensor units(const Group& group, const Stats&) const override {
    return how_.reduce(group, norm_members(how_, group, p_, bias_));
  }

 private:
  Grouping how_;
  int64_t p_;
  bool bias_;
};

/// Counts of whole layers of single weights.
Accepts whole_layers() {
  return {.nm = false, .units = {}, .per_row = false, .use = "allocator=uniform"};
}

/// How many weights of each layer go when LAMP scores of the criterion's scores are pooled.
class LampCounts : public Allocator {
 public:
  Accepts accepts() const override { return whole_layers(); }
  bool wants_scores() const override { return true; }
  std::vector<Share> shares(const Split& split) const override {
    const auto& parts = split.parts;
    const ScoreOf score = [&](size_t i) {
      return lamp_scores(split.scores.of(i).detach().to(at::kCPU).square()).to(at::kFloat);
    };
    int64_t total = 0;
    for (const auto& p : parts) total += p.size;
    const auto stay =
        static_cast<int64_t>(std::nearbyint(static_cast<double>(total) * (1 - split.target)));
    const auto gone = lowest_of_all(parts.size(), score, total - stay);
    std::vector<Share> out;
    for (size_t i = 0; i < parts.size(); ++i)
      out.push_back({static_cast<double>(gone[i]) / static_cast<double>(parts[i].size), gone[i]});
    return out;
  }
};

/// Uniform+ (Gale et al. 2019, arXiv 1902.09574): a first convolution stays dense, the last layer
/// keeps at least a fifth (tools/pruners.py:64-101).
class UniformPlus : public Allocator {
 public:
  Accepts accepts() const override { return whole_layers(); }
  std::vector<Share> shares(const Split& split) const override {
    const auto& parts = split.parts;
    if (parts.size() < 3) fail("allocator uniform_plus: needs at least three layers");
    const bool convolution = parts.front().shape.size() == 4;
    // In float32, as theirs: counts at the edge of a half depend on it.
    const auto target = static_cast<float>(split.target);
    float all = 0;
    for (const auto& p : parts) all += static_cast<float>(p.size);
    const float goes = std::nearbyint(all * target);
    const float first = convolution ? static_cast<float>(parts.front().size) : 0;
    const auto last = static_cast<float>(parts.back().size);
    const float least = std::nearbyint(last * 0.2f);
    float share = goes / (all - first), of_last = share;
    if (std::nearbyint((1 - share) * last) < least) {
      const float last_goes = last - least;
      share = (goes - last_goes) / (all - first - last);
      of_last = last_goes / last;
    }
    if (share > 1)
      fail(
          "allocator uniform_plus: cannot remove {:.2f} of the weights while the first "
          "convolution and a fifth of the last layer stay",
          split.target);
    std::vector<Share> out;
    for (size_t i = 0; i < parts.size(); ++i) {
      const double r = i == 0 && convolution ? 0 : i + 1 == parts.size() ? of_last : share;
      out.push_back(
          {r, static_cast<int64_t>(std::nearbyint(r * static_cast<double>(parts[i].size)))});
    }
    return out;
  }
};

constexpr const char* kPaper = "Lee et al. 2021, arXiv 2010.07611";
BENCH_REGISTER(Criterion, Lamp, "lamp", .doc = "w^2 over the squares that are not smaller",
               .source = kPaper, .year = 2021);
BENCH_REGISTER(Allocator, LampCounts, "lamp", .doc = "layer counts of pooled LAMP scores",
               .source = kPaper, .year = 2021);
BENCH_REGISTER(Allocator, UniformPlus, "uniform_plus",
               .doc =
                   "uniform, but the first convolution stays dense and the last layer keeps a "
                   "fifth",
               .source = "Gale et al. 2019, arXiv 1902.09574", .year = 2019);

}  // namespace
}  // namespace bench
