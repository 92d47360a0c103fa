// Thanos (Ilin and Richtarik 2025, arXiv 2504.05346; vectozavr/thanos@1bc9aed lib/thanos.py): all
// weights of a row that go in a slab go together, by one solve with the inverse of the Hessian of
// the columns that are not decided yet.
#include "core/update.h"
#include "measure/statistics.h"

namespace bench {
namespace {

/// Wanda's score among the whole layer.
class Thanos : public Criterion {
 public:
  Ranks accepts() const override { return {{}, Contest::Layer}; }
  Needs needs() const override { return {need<InputMoments>()}; }
  Tensor score(const View& view, const Stats& stats) const override {
    const auto norm = stats.get<InputMoments>(view.layer).scaler_row().sqrt().to(at::kFloat);
    return view.weight.to(at::kFloat).abs() * view.columns(norm);
  }
};

/// X^T X / N of the last of N sequences, float32.
struct LastGram : Statistic {
  static constexpr const char* kName = "last_gram";
  static const Pass& pass() { return kForwardPass; }
  explicit LastGram(const Layer& l)
      : gram(at::zeros({l.columns(), l.columns()}, l.weight.options().dtype(at::kFloat))) {}
  void on_input(const Tensor& x, int64_t n) override {
    gram = matmul_rows(x.t().contiguous(), x);
    count += n;
  }
  Tensor gram;
  int64_t count = 0;
};

class BlockwiseObs : public Update {
 public:
  static Schema schema() {
    return {
        key("damping", 0.01, "share of the mean of the Hessian's diagonal that is added to it")
            .range(1e-8, 10),
        key("slab", 512, "columns decided together").range(1, 65536).in("columns"),
        key("columns", false,
            "whole columns go, the ones that cost least: every row but the outliers loses them"),
        key("outliers", 0.0,
            "n:m and columns: share of the rows, the ones that cost most, that stay dense; the "
            "authors' code keeps one more (tie: reference)")
            .range(0, 0.99),
        key("cost", "all",
            "what rows and columns cost is counted on all sequences, or on the last one as the "
            "authors' code does (lib/thanos.py:100)")
            .one_of({"all", "last"})};
  }
  explicit BlockwiseObs(const Config& c)
      : damping_(c.get<double>("damping")),
        slab_(c.get<int64_t>("slab")),
        columns_(c.get<bool>("columns")),
        last_(c.get<std::string>("cost") == "last"),
        outliers_(c.get<double>("outliers")) {}

  Accepts accepts() const override {
    return {.nm = !columns_,
            .units = {},
            .leaves_pattern = true,
            .authors_alone = columns_,
            .slab = slab_,
            .use = columns_ ? "update.columns=false" : "update.slab"};
  }
  Needs needs() const override {
    Needs all{need<InputGram>()};
    if (last_) all.push_back(need<LastGram>());
    return all;
  }

  void apply(Site& site) const override {
    SingleThread alone;
    const auto& gram = site.stats.get<InputGram>(site.layer);
    auto h = gram.gram.to(at::kDouble);
    h.diagonal().masked_fill_(gram.dead(), 1);
    h.diagonal().add_(h.diagonal().mean() * damping_);
    auto w = site.layer.matrix().to(at::kDouble).clone();
    w.masked_fill_(gram.dead().unsqueeze(0), 0);
    const auto dense = dense_rows(site, w);
    if (columns_)
      take_columns(site, h, w, dense);
    else
      take_slabs(site, h, w, dense);
    site.layer.set_matrix(w.masked_fill(~site.mask, 0));
  }

 private:
  Tensor cost_gram(const Site& site) const {
    return last_ ? site.stats.get<LastGram>(site.layer).gram.to(at::kDouble)
                 : site.stats.get<InputGram>(site.layer).gram.to(at::kDouble);
  }

  /// bool [out]: the rows with the largest w C w^T stay whole.
  Tensor dense_rows(const Site& site, const Tensor& w) const {
    auto dense = at::zeros({w.size(0)}, at::kBool);
    if (!columns_ && site.pattern.kind != Pattern::NM) return dense;
    const auto kept = static_cast<int64_t>(outliers_ * static_cast<double>(w.size(0))) +
                      (site.pattern.reference_ties ? 1 : 0);
    if (kept > 0 && site.pattern.kind == Pattern::NM && !site.pattern.reference_ties)
      fail(
          "{}: thanos leaves {} rows dense, which is not {}; use update.outliers=0, or "
          "pattern.tie=reference for the authors' mask",
          site.layer.name, kept, site.pattern.label());
    const auto cost = w.square().mv(cost_gram(site).diagonal()).cpu();
    const auto order = std::get<1>(at::sort(cost, /*stable=*/true, 0, /*descending=*/false));
    return dense.index_fill_(0, order.slice(0, w.size(0) - kept), true);
  }

  /// The columns that cost least in the rows that lose them, ceil(s I / (1 - outliers)) of them.
  void take_columns(Site& site, const Tensor& h, Tensor& w, const Tensor& dense) const {
    const auto lose = dense.logical_not().nonzero().squeeze(1).to(w.device());
    const auto of_rows = w.index_select(0, lose);
    const auto cost = of_rows.square().sum(0) * cost_gram(site).diagonal();
    const auto goes = share_of(site) * static_cast<double>(w.size(1)) / (1 - outliers_);
    const auto count = std::min(static_cast<int64_t>(std::ceil(goes - 1e-9)), w.size(1));
    const auto which = std::get<1>(at::sort(cost, true, 0, false)).slice(0, 0, count);
    const auto inverse = inverted(h);
    const auto rows = inverse.index_select(0, which);
    const auto lambda = at::linalg_solve(rows.index_select(1, which),
                                         of_rows.index_select(1, which).t().contiguous());
    w.index_copy_(0, lose, of_rows - lambda.t().mm(rows));
    auto kept = at::ones({w.size(1)}, at::kBool).to(w.device()).index_fill_(0, which, false);
    site.mask = dense.to(w.device()).unsqueeze(1).logical_or(kept.unsqueeze(0));
    if (site.layer.mask.defined()) site.mask = site.mask & site.layer.mask;
  }

  void take_slabs(Site& site, const Tensor& h, Tensor& w, const Tensor& dense) const {
    const auto wide = w.size(1);
    auto mask = site.mask.clone();
    for (int64_t begin = 0; begin < wide; begin += slab_) {
      const auto end = std::min(begin + slab_, wide);
      auto chosen = choose(site, w, mask, begin, end);
      if (dense.any().item<bool>()) chosen = chosen | dense.to(chosen.device()).unsqueeze(1);
      mask.slice(1, begin, end).copy_(chosen);
      remove(w, chosen, inverted(h.slice(0, begin).slice(1, begin)), begin);
    }
    site.mask = mask;
  }

  /// What stays of columns [begin, end): n:m in them; else the budget that is left is spent on the
  /// lowest scores of all columns from `begin` on.
  Tensor choose(const Site& site, const Tensor& w, const Tensor& mask, int64_t begin,
                int64_t end) const {
    const auto wide = w.size(1);
    const auto at = site.pattern.kind == Pattern::NM ? end : wide;
    const auto score = site.rescore(w.slice(1, begin, at).to(at::kFloat), begin, at);
    if (site.pattern.kind == Pattern::NM)
      return site.pattern.reference_ties
                 ? select_nm_reference(score, site.pattern.keep, site.pattern.of)
                 : select_nm(score, site.pattern.keep, site.pattern.of, site.pattern.tail_removed);
    const auto spent = mask.slice(1, 0, begin).logical_not();
    if (site.contest == Contest::Row) return by_row(site, score, spent.sum(1), begin, end);
    const auto all =
        site.share.count >= 0 ? site.share.count : removed_weights(w.numel(), site.share.ratio);
    const auto left = std::max<int64_t>(0, all - spent.sum().item<int64_t>());
    return select(score, Contest::Layer, 0, left).slice(1, 0, end - begin);
  }

  static Tensor by_row(const Site& site, const Tensor& score, const Tensor& spent, int64_t begin,
                       int64_t end) {
    const auto all = removed_weights(site.layer.columns(), share_of(site));
    std::vector<Tensor> rows;
    for (int64_t r = 0; r < score.size(0); ++r)
      rows.push_back(select(score.slice(0, r, r + 1), Contest::Layer, 0,
                            std::max<int64_t>(0, all - spent[r].item<int64_t>())));
    return at::cat(rows).slice(1, 0, end - begin);
  }

  static double share_of(const Site& site) {
    return site.share.count >= 0
               ? static_cast<double>(site.share.count) / static_cast<double>(site.part.size)
               : site.share.ratio;
  }

  static Tensor inverted(const Tensor& h) {
    const auto [lower, info] = at::linalg_cholesky_ex(h);
    if (info.item<int>() != 0)
      fail(
          "the input statistics of a layer cannot be inverted: more or other calibration data, or "
          "a larger damping, is needed");
    return at::cholesky_inverse(lower);
  }

  /// w_r[begin:] -= b R^-1 G for each row: G the rows of the inverse of what goes, R its columns of
  /// what goes. Rows are solved together, filled up with ones on the diagonal.
  static void remove(Tensor& w, const Tensor& keep, const Tensor& inverse, int64_t begin) {
    const auto gone = keep.logical_not();
    const auto counts = gone.sum(1);
    const auto most = counts.max().item<int64_t>();
    if (most == 0) return;
    // What goes first, in order of the columns.
    const auto index =
        std::get<1>(at::sort(keep.to(at::kByte), /*stable=*/true, 1, false)).slice(1, 0, most);
    const auto there = at::arange(most, index.options()).unsqueeze(0) < counts.unsqueeze(1);
    const int64_t together = std::clamp<int64_t>(
        (int64_t{1} << 24) / (most * std::max(most, inverse.size(1))), 1, w.size(0));
    for (int64_t r = 0; r < w.size(0); r += together) {
      const auto to = std::min(r + together, w.size(0));
      const auto i = index.slice(0, r, to), t = there.slice(0, r, to);
      const auto rows = inverse.index_select(0, i.flatten()).reshape({to - r, most, -1});
      auto small = rows.gather(2, i.unsqueeze(1).expand({-1, most, -1}));
      small = small * (t.unsqueeze(1) & t.unsqueeze(2));
      small = small + at::diag_embed(t.logical_not().to(at::kDouble));
      auto part = w.slice(0, r, to).slice(1, begin);
      const auto b = part.gather(1, i) * t;
      const auto lambda = at::linalg_solve(small, b.unsqueeze(2)).squeeze(2);
      part -= at::bmm((lambda * t).unsqueeze(1), rows).squeeze(1);
    }
    w.slice(1, begin, begin + keep.size(1)).masked_fill_(gone, 0);
  }

  double damping_;
  int64_t slab_;
  bool columns_, last_;
  double outliers_;
};

constexpr const char* kPaper = "Ilin and Richtarik 2025, arXiv 2504.05346";
BENCH_REGISTER(Criterion, Thanos, "thanos", .doc = "Wanda's score, within the layer",
               .source = kPaper, .year = 2025, .data = About::Data::Unlabelled);
BENCH_REGISTER(Update, BlockwiseObs, "thanos",
               .doc = "what a row loses in a slab goes at once, by one solve", .source = kPaper,
               .year = 2025, .data = About::Data::Unlabelled);

}  // namespace
}  // namespace bench
