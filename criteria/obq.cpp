// OBQ, the quantising case of Optimal Brain Compression (Frantar and Alistarh 2022, arXiv
// 2208.11580; IST-DASLab/OBC@9b7979b trueobs.py:100-160): row by row the weight is quantised next
// that costs least, the rest and the inverse of the Hessian are updated exactly; a weight further
// than half a level from all of them goes first. Pruned weights count as done. O(I^3) a row.
#include <cmath>
#include <limits>

#include "core/update.h"
#include "measure/low_rank.h"
#include "measure/quantiser.h"

namespace bench {
namespace {

/// One row while its weights become levels.
struct Row {
  double *weight, *inverse;   // [in], [in, in]: of what is not done yet, rows and columns
  const float *scale, *zero;  // [in]
  const bool* kept;
  int64_t columns;
  double most;  // the highest level

  double level(int64_t i) const {
    const double l = std::nearbyint(weight[i] / double(scale[i])) + double(zero[i]);
    return std::min(std::max(l, 0.0), most);
  }
  double value(int64_t i, double level) const {
    return double(scale[i]) * (level - double(zero[i]));
  }

  void run(float* levels) {
    std::vector<char> done(static_cast<size_t>(columns));
    for (int64_t i = 0; i < columns; ++i) {
      done[static_cast<size_t>(i)] = !kept[i];
      levels[i] = zero[i];
    }
    std::vector<double> column(static_cast<size_t>(columns));
    for (;;) {
      const auto j = next(done);
      if (j < 0) return;
      const double l = level(j), d = inverse[j * columns + j];
      levels[j] = static_cast<float>(l);
      const double by = (weight[j] - value(j, l)) / d;
      std::copy_n(inverse + j * columns, columns, column.begin());
      for (int64_t i = 0; i < columns; ++i) weight[i] -= column[static_cast<size_t>(i)] * by;
      done[static_cast<size_t>(j)] = 1;
      for (int64_t r = 0; r < columns; ++r) {
        const double c = column[static_cast<size_t>(r)] / d;
        if (c == 0) continue;
        double* to = inverse + r * columns;
        for (int64_t i = 0; i < columns; ++i) to[i] -= c * column[static_cast<size_t>(i)];
      }
    }
  }

  /// The cheapest, unless one lies beyond the levels: then the furthest of all; -1: none is left.
  int64_t next(const std::vector<char>& done) const {
    int64_t cheap = -1, far = -1;
    double least = std::numeric_limits<double>::infinity(), most_off = -1;
    bool beyond = false;
    for (int64_t i = 0; i < columns; ++i) {
      if (done[static_cast<size_t>(i)]) continue;
      const double e = weight[i] - value(i, level(i)), square = e * e;
      const double cost = square / inverse[i * columns + i];
      if (cheap < 0 || cost < least) least = cost, cheap = i;
      if (square > most_off) most_off = square, far = i;
      beyond |= square > 0.25 * double(scale[i]) * double(scale[i]);
    }
    return beyond && cheap >= 0 && weight[cheap] != 0 ? far : cheap;
  }
};

class Obq : public Update {
 public:
  static Schema schema() {
    return Quantiser::schema() +
           Schema{key("largest", 4096,
                      "columns of a layer beyond which it is refused: O(columns^3) a row")
                      .range(1, 65536)
                      .in("columns")};
  }
  explicit Obq(const Config& c) : how_(c), largest_(c.get<int64_t>("largest")) {}
  Accepts accepts() const override { return {.units = {}}; }
  Needs needs() const override { return {need<InputScatter>()}; }

  void apply(Site& site) const override {
    if (site.layer.weight.numel() == 0) return;  // of a sublayer that is gone
    const auto& layer = site.layer;
    const auto columns = layer.columns();
    if (columns > largest_)
      fail(
          "{}: {} columns; OBQ takes O(columns^3) a row; use update=gptq, or a larger "
          "update.largest",
          layer.name, columns);
    const auto& scatter = site.stats.get<InputScatter>(layer);
    auto h = (scatter.sum * (2 / static_cast<double>(scatter.count)))
                 .to(at::kCPU, at::kFloat)
                 .to(at::kDouble);
    const auto dead = h.diagonal() == 0;
    h.diagonal().masked_fill_(dead, 1);
    const auto dense = layer.matrix().to(at::kCPU, at::kFloat).masked_fill(dead.unsqueeze(0), 0);
    const auto kept = site.mask.cpu().contiguous();
    std::vector<Quantiser::Levels> levels;
    for (int64_t at = 0; at < columns; at += how_.columns_of(columns))
      levels.push_back(
          how_.fit(dense.slice(1, at, std::min(at + how_.columns_of(columns), columns))));
    const auto format = how_.format(columns, levels);
    const auto spread = [&](const Tensor& t) {
      return t.index_select(1, format.group_of).expand(dense.sizes()).contiguous();
    };
    const auto scale = spread(format.scale), zero = spread(format.zero);
    auto w = dense.masked_fill(~kept, 0).to(at::kDouble).contiguous();
    auto codes = at::empty_like(scale);
    const auto shared = inverted(h);
    at::parallel_for(0, w.size(0), 1, [&](int64_t begin, int64_t end) {
      for (auto i = begin; i < end; ++i) {
        auto inverse = kept[i].all().item<bool>() ? shared.clone() : inverted(without(h, kept[i]));
        Row{w[i].mutable_data_ptr<double>(),
            inverse.mutable_data_ptr<double>(),
            scale[i].const_data_ptr<float>(),
            zero[i].const_data_ptr<float>(),
            kept[i].const_data_ptr<bool>(),
            columns,
            std::exp2(static_cast<double>(how_.bits)) - 1}
            .run(codes[i].mutable_data_ptr<float>());
      }
    });
    site.layer.set_levels(codes, format);
  }

 private:
  static Tensor without(const Tensor& h, const Tensor& kept) {
    auto out = h.masked_fill(~kept.unsqueeze(0), 0).masked_fill(~kept.unsqueeze(1), 0);
    out.diagonal().masked_fill_(~kept, 1);
    return out;
  }
  /// Where it is not of full rank, of h with 1 added to its diagonal (trueobs.py:59).
  static Tensor inverted(const Tensor& h) {
    auto [lower, info] = at::linalg_cholesky_ex(h);
    if (info.item<int>() != 0) lower = at::linalg_cholesky(h + at::eye(h.size(0), h.options()));
    return at::cholesky_inverse(lower).contiguous();
  }

  Quantiser how_;
  int64_t largest_;
};

BENCH_REGISTER(Update, Obq, "obq", .doc = "quantises exactly, row by row, the cheapest weight next",
               .source = "Frantar and Alistarh 2022, arXiv 2208.11580", .year = 2022,
               .data = About::Data::Unlabelled, .fusion = "quantisation");

}  // namespace
}  // namespace bench
