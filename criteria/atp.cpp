// ATP (Huang et al. 2025, arXiv 2501.18015, "Determining Layer-wise Sparsity for Large Language
// Models Through a Theoretical Perspective"; wzhuang-xmu/ATP@56b8437 main.py:58-66): the removed
// shares of blocks rise along the model by the same step. The authors find the step by a grid on
// the test set; here it is given.
#include <set>

#include "base/error.h"
#include "core/allocator.h"

namespace bench {
namespace {

class Atp : public Allocator {
 public:
  static Schema schema() {
    return {key("step", 0.01, "beta: how much more each block loses than the one before it")
                .range(-1, 1)};
  }
  explicit Atp(const Config& c) : step_(c.get<double>("step")) {}

  Accepts accepts() const override { return {.nm = false, .units = {}}; }

  std::vector<Share> shares(const Split& split) const override {
    std::set<int64_t> blocks;
    for (const auto& p : split.parts) blocks.insert(p.block);
    const auto last = static_cast<double>(blocks.size()) - 1;
    const double s = split.target;
    const double most = last > 0 ? 2 * std::min(s, 1 - s) / last : 1;
    if (std::abs(step_) > most + 1e-12)
      fail("allocator.step: {} over {} blocks takes shares beyond 0 or 1 at {}; use at most {:.4f}",
           step_, blocks.size(), s, most);
    std::vector<Share> out;
    for (const auto& p : split.parts) {
      const auto i = static_cast<double>(std::distance(blocks.begin(), blocks.find(p.block)));
      out.push_back({std::clamp(s - step_ * last / 2 + i * step_, 0.0, 1.0)});
    }
    return out;
  }

 private:
  double step_;
};

BENCH_REGISTER(Allocator, Atp, "atp", .doc = "each block loses a fixed step more than the last",
               .source = "Huang et al. 2025, arXiv 2501.18015", .year = 2025,
               .how = About::How::Fixed);

}  // namespace
}  // namespace bench
