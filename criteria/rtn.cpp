// Round to nearest: each weight becomes the level that is nearest to it, whatever the data says
// (IST-DASLab/gptq@2d65066 quant.py:26-120, llama.py --nearest).
#include "core/update.h"
#include "measure/quantiser.h"

namespace bench {
namespace {

class RoundToNearest : public Update {
 public:
  static Schema schema() {
    return Quantiser::schema() +
           Schema{key("dense_scales", false,
                      "scales of the weights as they stand before what is pruned goes")};
  }
  explicit RoundToNearest(const Config& c) : how_(c), dense_(c.get<bool>("dense_scales")) {}
  Accepts accepts() const override { return {.units = {}}; }

  void apply(Site& site) const override {
    if (site.layer.weight.numel() == 0) return;  // of a sublayer that is gone
    const auto all = site.layer.matrix().to(at::kFloat);
    const auto kept = all.masked_fill(~site.mask, 0);
    const auto& seen = dense_ ? all : kept;
    const auto columns = kept.size(1), each = how_.columns_of(columns);
    std::vector<Quantiser::Levels> levels;
    std::vector<Tensor> codes;
    for (int64_t at = 0; at < columns; at += each) {
      const auto to = std::min(at + each, columns);
      levels.push_back(how_.fit(seen.slice(1, at, to)));
      codes.push_back(how_.level(kept.slice(1, at, to), levels.back()));
    }
    site.layer.set_levels(at::cat(codes, 1), how_.format(columns, levels));
  }

 private:
  Quantiser how_;
  bool dense_;
};

BENCH_REGISTER(Update, RoundToNearest, "rtn",
               .doc = "quantises: each weight becomes the level nearest to it",
               .source = "Frantar et al. 2022, arXiv 2210.17323", .year = 2022,
               .fusion = "quantisation");

}  // namespace
}  // namespace bench
