// Optimal Brain Compression, ExactOBS (Frantar and Alistarh 2022, arXiv 2208.11580;
// IST-DASLab/OBC@9b7979b trueobs.py:50-80, 160-325): row by row the weight (or block of consecutive
// weights) goes that costs least, the rest and the inverse of the Hessian are updated exactly. The
// losses of all steps of all rows say how many each row loses. O(I^3) a row: for small layers, and
// the truth that SparseGPT comes near.
#include <algorithm>
#include <cmath>

#include "core/update.h"
#include "measure/row_obs.h"

namespace bench {
namespace {

class Obc : public Update {
 public:
  static Schema schema() {
    return {
        key("size", 1, "consecutive weights of a row that go together; n:m: 1")
            .range(1, 1024)
            .in("columns"),
        key("largest", 4096, "columns of a layer beyond which it is refused: O(columns^3) a row")
            .range(1, 65536)
            .in("columns")};
  }
  explicit Obc(const Config& c)
      : size_(c.get<int64_t>("size")), largest_(c.get<int64_t>("largest")) {}

  Accepts accepts() const override {
    return {.nm = size_ == 1,
            .units = {},
            .leaves_pattern = true,
            .grain = size_,
            .use = "update.size=1"};
  }
  Needs needs() const override { return {need<WideGram>()}; }

  void apply(Site& site) const override {
    const auto& layer = site.layer;
    const auto columns = layer.columns();
    if (columns > largest_)
      fail(
          "{}: {} columns; ExactOBS takes O(columns^3) a row; use update=obs, or a larger "
          "update.largest",
          layer.name, columns);
    if (columns % size_ != 0)
      fail("{}: {} columns do not split into blocks of {}; use another update.size", layer.name,
           columns, size_);
    Tensor dead;
    const auto inverse = obs_inverse(site.stats.get<WideGram>(layer), dead);
    const auto w = layer.matrix().to(at::kCPU, at::kDouble).masked_fill(dead.unsqueeze(0), 0);
    Rows rows{inverse.contiguous(), w.contiguous(), at::zeros_like(w).contiguous(),
              at::zeros(w.sizes(), at::kBool)};
    if (site.pattern.kind == Pattern::NM)
      remove_nm(rows, site.pattern);
    else if (site.contest == Contest::Row)
      remove_each(rows, removed_weights(columns / size_, share_of(site)));
    else
      remove_cheapest(rows, site);
    site.mask = rows.kept.to(site.mask.device());
    if (layer.mask.defined()) site.mask = site.mask & layer.mask;
    site.layer.set_matrix(rows.out.to(site.mask.device()).masked_fill(~site.mask, 0));
  }

 private:
  struct Rows {
    Tensor inverse, w;  // [in, in], [out, in] float64
    Tensor out, kept;   // what is left
    int64_t count() const { return w.size(0); }
    int64_t columns() const { return w.size(1); }
    RowObs row(int64_t i, int64_t size) const {
      return {inverse.const_data_ptr<double>(), w.const_data_ptr<double>() + i * columns(),
              columns(), size};
    }
    void take(int64_t i, const RowObs& row) {
      row.write(out.mutable_data_ptr<double>() + i * columns(),
                kept.mutable_data_ptr<bool>() + i * columns());
    }
  };

  static bool any_block(int64_t) { return true; }

  static double share_of(const Site& site) {
    return site.share.count >= 0
               ? static_cast<double>(site.share.count) / static_cast<double>(site.part.size)
               : site.share.ratio;
  }

  /// The same count in every row.
  void remove_each(Rows& rows, int64_t count) const {
    at::parallel_for(0, rows.count(), 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        auto row = rows.row(i, size_);
        for (int64_t k = 0; k < count; ++k) row.remove(row.cheapest(any_block).second);
        rows.take(i, row);
      }
    });
  }

  /// The cheapest steps of all rows; each row takes as many of its own as are among them.
  void remove_cheapest(Rows& rows, const Site& site) const {
    const auto blocks = rows.columns() / size_, all = rows.count() * blocks;
    const double share = share_of(site);
    const auto goes = site.share.count >= 0 && size_ == 1 ? site.share.count
                      : site.pattern.reference_ties
                          ? static_cast<int64_t>(std::ceil(static_cast<double>(all) * share))
                          : removed_weights(all, share);
    auto losses = at::empty({rows.count(), blocks}, at::kDouble);
    auto steps = at::empty({rows.count(), blocks}, at::kLong);  // which block, in order
    at::parallel_for(0, rows.count(), 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        auto row = rows.row(i, size_);
        auto* loss = losses.mutable_data_ptr<double>() + i * blocks;
        auto* step = steps.mutable_data_ptr<int64_t>() + i * blocks;
        for (int64_t k = 0; k < blocks; ++k) {
          const auto [twice, place] = row.cheapest(any_block);
          loss[k] = twice / 2;
          step[k] = row.block(place);
          row.remove(place);
        }
      }
    });
    const auto order = std::get<1>(at::sort(losses.flatten(), /*stable=*/true, 0, false));
    const auto of_row = order.slice(0, 0, goes).floor_divide(blocks);
    const auto counts = at::bincount(of_row, {}, rows.count());
    for (int64_t i = 0; i < rows.count(); ++i)
      remove_together(rows, i, steps[i].slice(0, 0, counts[i].item<int64_t>()));
  }

  /// What going one by one leaves is what going at once leaves: w - w_S (H^-1_SS)^-1 H^-1_S.
  void remove_together(Rows& rows, int64_t i, const Tensor& blocks) const {
    const auto w = rows.w[i];
    auto kept = at::ones({rows.columns()}, at::kBool);
    auto out = w.clone();
    if (blocks.numel() > 0) {
      const auto gone = (blocks.unsqueeze(1) * size_ + at::arange(size_)).flatten();
      const auto of = rows.inverse.index_select(0, gone);
      const auto factor = at::linalg_cholesky(of.index_select(1, gone));
      const auto x = at::cholesky_solve(w.index_select(0, gone).unsqueeze(1), factor);
      out -= of.t().mv(x.squeeze(1));
      kept.index_fill_(0, gone, false);
    }
    rows.kept[i] = kept;
    rows.out[i] = out.masked_fill_(~kept, 0);
  }

  /// Of every m columns all but `keep` go; of a short last group at most as many.
  static void remove_nm(Rows& rows, const Pattern& pattern) {
    const auto m = pattern.of, goes = m - pattern.keep;
    at::parallel_for(0, rows.count(), 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        auto row = rows.row(i, 1);
        std::vector<int64_t> gone(static_cast<size_t>((rows.columns() + m - 1) / m), 0);
        for (;;) {
          const auto place =
              row.cheapest([&](int64_t c) { return gone[static_cast<size_t>(c / m)] < goes; })
                  .second;
          if (place < 0) break;
          ++gone[static_cast<size_t>(row.block(place) / m)];
          row.remove(place);
        }
        rows.take(i, row);
      }
    });
  }

  int64_t size_, largest_;
};

BENCH_REGISTER(Update, Obc, "obc",
               .doc = "exact greedy removal, row by row; the losses say how many each row loses",
               .source = "Frantar and Alistarh 2022, arXiv 2208.11580", .year = 2022,
               .data = About::Data::Unlabelled);

}  // namespace
}  // namespace bench
