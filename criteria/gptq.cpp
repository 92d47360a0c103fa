// GPTQ (Frantar et al. 2022, arXiv 2210.17323; IST-DASLab/gptq@2d65066 gptq.py:60-160): columns are
// quantised from left to right, and the error of each is spread over those to its right. Weights
// that a criterion removed stay 0; with reselect the mask is chosen on the way: SparseGPT with
// joint quantisation (IST-DASLab/sparsegpt@147d215 sparsegpt.py:48-138).
#include "measure/column_sweep.h"
#include "measure/quantiser.h"
#include "measure/statistics.h"

namespace bench {
namespace {

class Gptq : public Update {
 public:
  static Schema schema() {
    return Quantiser::schema() +
           Schema{
               key("damping", 0.01, "share of the mean of the Hessian's diagonal that is added")
                   .range(1e-8, 10),
               key("slab", 128, "columns updated together").range(1, 65536).in("columns"),
               key("act_order", false, "columns in the descending order of the Hessian's diagonal"),
               key("static_groups", false,
                   "scales of groups from the weights as they were, in their own order; false: "
                   "when the sweep gets there, of columns in its order"),
               key("reselect", false,
                   "choose the mask on the weights as updated so far (SparseGPT); false: keep the "
                   "criterion's")};
  }
  explicit Gptq(const Config& c)
      : how_(c),
        damping_(c.get<double>("damping")),
        slab_(c.get<int64_t>("slab")),
        ordered_(c.get<bool>("act_order")),
        static_(c.get<bool>("static_groups")),
        reselect_(c.get<bool>("reselect")) {
    if (ordered_ && reselect_)
      fail(
          "update.act_order and update.reselect: masks are chosen in the columns' own order; "
          "set one of them to false");
  }

  Accepts accepts() const override {
    return {.units = {}, .slab = reselect_ ? slab_ : 0, .use = "update.slab"};
  }
  Needs needs() const override { return {need<InputGram>()}; }

  void apply(Site& site) const override {
    if (site.layer.weight.numel() == 0) return;  // of a sublayer that is gone
    SingleThread alone;
    const auto& gram = site.stats.get<InputGram>(site.layer);
    auto w = site.layer.matrix().to(at::kFloat).clone();
    const auto columns = w.size(1), each = how_.columns_of(columns);
    std::vector<Quantiser::Levels> levels;
    if (how_.group == 0) levels = {how_.fit(w)};  // of the weights before anything moves
    w.masked_fill_(gram.dead().unsqueeze(0), 0);
    if (how_.group > 0 && static_)
      for (int64_t at = 0; at < columns; at += each)
        levels.push_back(how_.fit(w.slice(1, at, std::min(at + each, columns))));
    const bool fixed = !levels.empty();

    Tensor order, factor = ordered_ ? Tensor() : gram.inverse_factor(damping_);
    auto mask = site.mask.clone();
    if (ordered_) {
      const auto diagonal = gram.gram.diagonal().masked_fill(gram.dead(), 1);
      order = std::get<1>(at::sort(diagonal, /*stable=*/true, 0, /*descending=*/true));
      InputGram there(site.layer);
      there.gram = gram.gram.index_select(0, order).index_select(1, order).contiguous();
      factor = there.inverse_factor(damping_);
      w = w.index_select(1, order).contiguous();
      mask = mask.index_select(1, order).contiguous();
    }
    const auto places = order.defined() ? order.cpu() : at::arange(columns);
    const auto* place = places.const_data_ptr<int64_t>();
    auto codes = at::empty_like(w.t(), at::MemoryFormat::Contiguous);  // [in, out]
    const auto become = [&](int64_t i, const Tensor& kept, const Tensor& weight) {
      if (!fixed && i % each == 0)
        levels.push_back(how_.fit(weight.slice(1, i, std::min(i + each, columns))));
      const auto& of = levels[static_cast<size_t>((fixed ? place[i] : i) / each)];
      codes[i].copy_(how_.level(kept, of));
      return Quantiser::value(codes[i], of);
    };
    const bool anew = reselect_ && site.pattern.kind != Pattern::Structured;
    ColumnSweep{factor, slab_, anew ? &site : nullptr, become}.run(w, mask);
    codes = codes.t().contiguous();
    if (ordered_) {
      codes = at::empty_like(codes).index_copy_(1, order, codes);
      mask = at::empty_like(mask).index_copy_(1, order, mask);
    }
    site.mask = mask;
    site.layer.set_levels(codes, how_.format(columns, levels, fixed ? Tensor() : order));
  }

 private:
  Quantiser how_;
  double damping_;
  int64_t slab_;
  bool ordered_, static_, reselect_;
};

BENCH_REGISTER(Update, Gptq, "gptq",
               .doc = "quantises from left to right; the error is spread over later columns",
               .source = "Frantar et al. 2022, arXiv 2210.17323", .year = 2022,
               .data = About::Data::Unlabelled, .fusion = "quantisation");

}  // namespace
}  // namespace bench
