// Optimal Brain Compression, ExactOBS (Frantar and Alistarh 2022, arXiv 2208.11580;
// IST-DASLab/OBC@9b7979b trueobs.py:50-80, 160-325): row by row the weight (or block of consecutive
// weights) goes that costs least, the rest and the inverse of the Hessian are updated exactly. The
// losses of all steps of all rows say how many each row loses. O(I^3) a row: for small layers, and
// the truth that SparseGPT comes near.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/update.h"
#include "measure/statistics.h"

namespace bench {
namespace {

/// (2 / N) X^T X, float32 products summed in float64 (trueobs.py:36-56).
struct WideGram : Statistic {
  static constexpr const char* kName = "wide_gram";
  static const Pass& pass() { return kForwardPass; }
  explicit WideGram(const Layer& l)
      : gram(at::zeros({l.columns(), l.columns()}, l.weight.options().dtype(at::kDouble))) {}
  void on_input(const Tensor& x, int64_t n) override {
    const double before = static_cast<double>(count), now = before + static_cast<double>(n);
    gram *= before / now;
    gram += matmul_rows(x.t().contiguous(), x).to(at::kDouble) * (2 / now);
    count += n;
  }
  Values values() const override { return {{"gram", gram}}; }
  Tensor gram;  // [in, in] float64
  int64_t count = 0;
};

/// Lower Cholesky factor of a small matrix in place, row-major, n x n of stride `stride`.
void factor(double* a, int64_t n) {
  for (int64_t j = 0; j < n; ++j) {
    for (int64_t k = 0; k < j; ++k)
      for (int64_t i = j; i < n; ++i) a[i * n + j] -= a[i * n + k] * a[j * n + k];
    const double root = std::sqrt(std::max(a[j * n + j], 1e-300));
    for (int64_t i = j; i < n; ++i) a[i * n + j] /= root;
  }
}
/// x <- (L L^T)^-1 x, x of `step` entries between its elements.
void solve(const double* l, int64_t n, double* x, int64_t step) {
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t k = 0; k < i; ++k) x[i * step] -= l[i * n + k] * x[k * step];
    x[i * step] /= l[i * n + i];
  }
  for (int64_t i = n - 1; i >= 0; --i) {
    for (int64_t k = i + 1; k < n; ++k) x[i * step] -= l[k * n + i] * x[k * step];
    x[i * step] /= l[i * n + i];
  }
}

/// One row while its blocks of `size` columns go. What is left stays packed at the front.
class RowObs {
 public:
  RowObs(const double* inverse, const double* weights, int64_t columns, int64_t size)
      : size_(size), left_(columns / size), stride_(columns) {
    h_.assign(inverse, inverse + columns * columns);
    w_.assign(weights, weights + columns);
    for (int64_t b = 0; b < left_; ++b) block_.push_back(b);
  }

  int64_t left() const { return left_; }
  int64_t block(int64_t place) const { return block_[static_cast<size_t>(place)]; }

  /// Twice the loss of what goes next, the first of equals by column; its place. allowed(block).
  template <class F>
  std::pair<double, int64_t> cheapest(F&& allowed) {
    std::pair<double, int64_t> best{std::numeric_limits<double>::infinity(), -1};
    for (int64_t p = 0; p < left_; ++p) {
      if (!allowed(block(p))) continue;
      const double c = cost(p);
      if (best.second < 0 || c < best.first ||
          (c == best.first && block(p) < block(best.second)))
        best = {c, p};
    }
    return best;
  }

  void remove(int64_t p) {
    const auto n = left_ * size_, o = p * size_;
    small_block(p);
    // y = B^-1 H[p, :], x = B^-1 w[p]
    y_.resize(static_cast<size_t>(size_ * n));
    for (int64_t i = 0; i < size_; ++i)
      std::copy_n(&h(o + i, 0), n, &y_[static_cast<size_t>(i * n)]);
    for (int64_t j = 0; j < n; ++j) solve(small_.data(), size_, &y_[static_cast<size_t>(j)], n);
    std::vector<double> x(w_.begin() + o, w_.begin() + o + size_);
    solve(small_.data(), size_, x.data(), 1);
    for (int64_t i = 0; i < size_; ++i) {
      const double* row = &h(o + i, 0);
      for (int64_t j = 0; j < n; ++j) w_[static_cast<size_t>(j)] -= row[j] * x[static_cast<size_t>(i)];
    }
    std::vector<double> column(static_cast<size_t>(size_));
    for (int64_t r = 0; r < n; ++r) {
      double* row = &h(r, 0);
      for (int64_t i = 0; i < size_; ++i) column[static_cast<size_t>(i)] = row[o + i];
      for (int64_t i = 0; i < size_; ++i) {
        const double by = column[static_cast<size_t>(i)];
        const double* from = &y_[static_cast<size_t>(i * n)];
        for (int64_t j = 0; j < n; ++j) row[j] -= by * from[j];
      }
    }
    pack(p);
  }

  /// Weights of what is left, zero elsewhere.
  void write(double* out, bool* kept) const {
    std::fill_n(out, stride_, 0.0);
    std::fill_n(kept, stride_, false);
    for (int64_t p = 0; p < left_; ++p)
      for (int64_t i = 0; i < size_; ++i) {
        out[block(p) * size_ + i] = w_[static_cast<size_t>(p * size_ + i)];
        kept[block(p) * size_ + i] = true;
      }
  }

 private:
  double& h(int64_t r, int64_t c) { return h_[static_cast<size_t>(r * stride_ + c)]; }

  void small_block(int64_t p) {
    const auto o = p * size_;
    small_.resize(static_cast<size_t>(size_ * size_));
    for (int64_t i = 0; i < size_; ++i)
      std::copy_n(&h(o + i, o), size_, &small_[static_cast<size_t>(i * size_)]);
    factor(small_.data(), size_);
  }

  double cost(int64_t p) {
    const auto o = p * size_;
    if (size_ == 1) {
      const double w = w_[static_cast<size_t>(o)];
      return w * w / h(o, o);
    }
    small_block(p);
    std::vector<double> x(w_.begin() + o, w_.begin() + o + size_);
    solve(small_.data(), size_, x.data(), 1);
    return std::inner_product(x.begin(), x.end(), w_.begin() + o, 0.0);
  }

  /// The last block takes the place of p.
  void pack(int64_t p) {
    --left_;
    if (p == left_) return;
    const auto o = p * size_, from = left_ * size_;
    for (int64_t i = 0; i < size_; ++i) {
      w_[static_cast<size_t>(o + i)] = w_[static_cast<size_t>(from + i)];
      std::copy_n(&h(from + i, 0), from + size_, &h(o + i, 0));
    }
    for (int64_t r = 0; r < from; ++r)
      for (int64_t i = 0; i < size_; ++i) h(r, o + i) = h(r, from + i);
    block_[static_cast<size_t>(p)] = block_[static_cast<size_t>(left_)];
  }

  int64_t size_, left_, stride_;
  std::vector<double> h_, w_, small_, y_;
  std::vector<int64_t> block_;
};

class Obc : public Update {
 public:
  static Schema schema() {
    return {key("size", 1, "consecutive weights of a row that go together; n:m: 1")
                .range(1, 1024)
                .in("columns"),
            key("largest", 4096, "columns of a layer beyond which it is refused: O(columns^3) a row")
                .range(1, 65536)
                .in("columns")};
  }
  explicit Obc(const Config& c)
      : size_(c.get<int64_t>("size")), largest_(c.get<int64_t>("largest")) {}

  Accepts accepts() const override {
    return {.nm = size_ == 1, .units = {}, .leaves_pattern = true, .use = "update.size=1"};
  }
  Needs needs() const override { return {need<WideGram>()}; }

  void apply(Site& site) const override {
    const auto& layer = site.layer;
    const auto columns = layer.columns();
    if (columns > largest_)
      fail("{}: {} columns; ExactOBS takes O(columns^3) a row; use update=obs, or a larger "
           "update.largest",
           layer.name, columns);
    if (columns % size_ != 0)
      fail("{}: {} columns do not split into blocks of {}; use another update.size", layer.name,
           columns, size_);
    auto h = site.stats.get<WideGram>(layer).gram.to(at::kCPU).to(at::kFloat).to(at::kDouble);
    const auto dead = h.diagonal() == 0;
    h.diagonal().masked_fill_(dead, 1);
    const auto inverse = inverted(h);
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

  static Tensor inverted(const Tensor& h) {
    auto [lower, info] = at::linalg_cholesky_ex(h);
    if (info.item<int>() != 0)  // not of full rank (trueobs.py:59)
      lower = at::linalg_cholesky(h + at::eye(h.size(0), h.options()));
    return at::cholesky_inverse(lower);
  }

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
