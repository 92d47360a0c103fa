// DSnoT (Zhang et al. 2024, "Dynamic Sparse No Training", arXiv 2310.08915; zyxxmu/DSnoT@4c029df
// lib/prune.py:483-852, lib/layerwrapper.py): the mask of any criterion is moved inside each row,
// one weight back for one that goes, so that the expected change of the output, the sum over what
// is pruned of W times the input's mean, comes near zero. Weights stay as they are.
#include <algorithm>
#include <cmath>
#include <limits>

#include "core/update.h"
#include "measure/statistics.h"

namespace bench {
namespace {

/// Each column's variance within the sequences, weighted by their tokens: their means' own spread
/// is not in it (lib/layerwrapper.py:46-50).
struct InputVariance : Statistic {
  static constexpr const char* kName = "input_variance";
  static const Pass& pass() { return kForwardPass; }
  explicit InputVariance(const Layer& l)
      : variance(at::zeros({l.columns()}, l.weight.options().dtype(at::kDouble))) {}
  void on_input(const Tensor& x, int64_t) override {
    const auto rows = static_cast<double>(x.size(0)), all = static_cast<double>(tokens) + rows;
    const auto here = x.to(at::kDouble).var(0, /*unbiased=*/false);
    variance = (variance * static_cast<double>(tokens) + here * rows) / all;
    tokens += x.size(0);
  }
  Values values() const override { return {{"variance", variance}}; }

  Tensor variance;  // [in] float64
  int64_t tokens = 0;
};

using Order = std::vector<int64_t>;

/// One row: what decides, and the mask as it stands.
struct Row {
  std::vector<float> effect;  // W m: what the weight adds to the expected output
  std::vector<float> ranked;  // the criterion's score (n:m), Wanda's where rows are free
  std::vector<char> kept;
  Order grow;  // all columns, ascending by effect over variance of what is pruned, else 0
  Order drop;  // kept columns, helpful ones at either end by how little they matter
  int64_t grow_at[2], drop_at[2];
  float error = 0;
  int sign = 0;
  bool moving = true;
};

int sign_of(float x) {
  return (x > 0) - (x < 0);
}

class Dsnot : public Update {
 public:
  static Schema schema() {
    return {
        key("cycles", 50, "swaps a row at most; rows of few columns want fewer")
            .range(0, 100000)
            .in("swaps"),
        key("threshold", 0.1, "a row stops when its expected change is not larger").at_least(0),
        key("variance_power", 1.0,
            "of the input's variance, by which the effect of what may come back is divided")
            .range(0, 10),
        key("same_sign", false,
            "a row stops before its expected change turns its sign; n:m always does"),
        key("skip", std::vector<std::string>{"mlp"},
            "layers with one of these words in their dotted name keep the criterion's mask; the "
            "authors skip the MLP unless told otherwise; no_skip: none")};
  }
  explicit Dsnot(const Config& c)
      : cycles_(c.get<int64_t>("cycles")),
        threshold_(static_cast<float>(c.get<double>("threshold"))),
        power_(c.get<double>("variance_power")),
        same_sign_(c.get<bool>("same_sign")),
        skip_(c.get<std::vector<std::string>>("skip")) {}

  Accepts accepts() const override {
    return {.units = {}, .leaves_pattern = true, .use = "pattern=unstructured"};
  }
  Needs needs() const override { return {need<InputMoments>(), need<InputVariance>()}; }

  void apply(Site& site) const override {
    if (skipped(site.layer.name)) {
      site.layer.set_matrix(site.layer.matrix().masked_fill(~site.mask, 0));
      return;
    }
    if (site.pattern.kind == Pattern::NM && site.pattern.reference_ties &&
        !site.layer.mask.defined())
      site.mask = sorted_groups(site);
    auto rows = begin(site);
    if (site.pattern.kind == Pattern::NM)
      move_nm(rows, site.pattern);
    else
      move_free(rows, site);
    auto mask = at::empty(site.mask.sizes(), at::kBool);
    auto* out = mask.mutable_data_ptr<bool>();
    for (const auto& r : rows) out = std::copy(r.kept.begin(), r.kept.end(), out);
    site.mask = mask.to(site.mask.device());
    if (site.layer.mask.defined()) site.mask = site.mask & site.layer.mask;
    site.layer.set_matrix(site.layer.matrix().masked_fill(~site.mask, 0));
  }

 private:
  bool skipped(const std::string& name) const {
    const auto dotted = "." + name + ".";
    return std::any_of(skip_.begin(), skip_.end(), [&](const std::string& word) {
      return dotted.find("." + word + ".") != std::string::npos;
    });
  }

  /// In layers that it moves, the authors' code takes the first of each group by torch.sort, which
  /// leaves equals in another order than torch.topk, by which it masks those that it skips
  /// (lib/prune.py:519-534): weights of equal size are others.
  static Tensor sorted_groups(const Site& site) {
    const auto w = site.layer.matrix().to(at::kFloat);
    const auto rank = site.rescore(w, 0, w.size(1)).to(at::kFloat);
    auto kept = at::ones(rank.sizes(), rank.options().dtype(at::kBool));
    const int64_t m = site.pattern.of, gone = m - site.pattern.keep;
    for (int64_t at = 0; at < rank.size(1); at += m) {
      const auto group = rank.slice(1, at, std::min(at + m, rank.size(1)));
      const auto order = std::get<1>(at::sort(group, 1)).slice(1, 0, gone);
      kept.slice(1, at, at + group.size(1)).scatter_(1, order, false);
    }
    return kept;
  }

  static std::vector<float> floats(const Tensor& t) {
    const auto here = t.to(at::kCPU, at::kFloat).contiguous();
    return {here.const_data_ptr<float>(), here.const_data_ptr<float>() + here.numel()};
  }
  static Order ascending(const Tensor& t) {
    const auto order = std::get<1>(at::sort(t.to(at::kCPU), /*stable=*/true, -1, false));
    const auto here = order.contiguous();
    return {here.const_data_ptr<int64_t>(), here.const_data_ptr<int64_t>() + here.numel()};
  }

  std::vector<Row> begin(const Site& site) const {
    const auto& moments = site.stats.get<InputMoments>(site.layer);
    const auto& variance = site.stats.get<InputVariance>(site.layer).variance;
    const auto w = site.layer.matrix().to(at::kFloat);
    const auto mean = (moments.sum / static_cast<double>(moments.count)).to(at::kFloat);
    const auto effect = w * mean;
    const auto pruned = effect.masked_fill(site.mask, 0);
    const auto error = pruned.sum(1).cpu();
    const auto worth = power_ > 0 ? pruned / variance.to(at::kFloat).pow(power_) : pruned;
    const bool nm = site.pattern.kind == Pattern::NM;
    const auto rank =
        nm ? site.rescore(w, 0, w.size(1)) : w.abs() * moments.scaler_row().to(at::kFloat).sqrt();
    const auto kept = site.mask.cpu().contiguous();
    std::vector<Row> rows(static_cast<size_t>(w.size(0)));
    for (int64_t i = 0; i < w.size(0); ++i) {
      auto& r = rows[static_cast<size_t>(i)];
      r.effect = floats(effect[i]);
      r.ranked = floats(rank[i]);
      const auto* k = kept[i].const_data_ptr<bool>();
      r.kept.assign(k, k + w.size(1));
      r.grow = ascending(worth[i]);
      r.error = error[i].item<float>();
      r.sign = sign_of(r.error);
      r.grow_at[0] = 0, r.grow_at[1] = w.size(1) - 1;
      if (!nm) r.drop = helpful_first(r);
      r.drop_at[0] = 0, r.drop_at[1] = static_cast<int64_t>(r.drop.size()) - 1;
    }
    return rows;
  }

  /// What is kept, ascending by Wanda's score: negative effects from the front, positive ones from
  /// the back, what has none between.
  static Order helpful_first(const Row& r) {
    Order kept;
    for (size_t i = 0; i < r.kept.size(); ++i)
      if (r.kept[i]) kept.push_back(static_cast<int64_t>(i));
    std::stable_sort(kept.begin(), kept.end(), [&](int64_t a, int64_t b) {
      return r.ranked[static_cast<size_t>(a)] < r.ranked[static_cast<size_t>(b)];
    });
    Order out;
    const auto effect = [&](int64_t i) { return r.effect[static_cast<size_t>(i)]; };
    for (const auto i : kept)
      if (effect(i) < 0) out.push_back(i);
    // The authors' code puts the first of all where effects are zero (lib/prune.py:78-117).
    for (const auto i : kept)
      if (!(effect(i) < 0) && !(effect(i) > 0)) out.push_back(kept.front());
    for (auto it = kept.rbegin(); it != kept.rend(); ++it)
      if (effect(*it) > 0) out.push_back(*it);
    return out;
  }

  static bool any_moving(const std::vector<Row>& rows) {
    return std::any_of(rows.begin(), rows.end(), [](const Row& r) { return r.moving; });
  }

  /// Takes the next column of an order from the end on which `side` stands. As the authors' code
  /// runs, a pointer goes on whatever it meets; past the end of the row it fails there.
  static int64_t take(const Order& order, int64_t* at, int side, const Site& site) {
    const auto i = at[side];
    at[side] += side ? -1 : 1;
    const auto n = static_cast<int64_t>(order.size());
    if (i < 0 || i >= n)
      fail(
          "{}: DSnoT as its authors' code runs leaves the row ({} columns); use fewer "
          "update.cycles or pattern.tie=stable",
          site.layer.name, n);
    return order[static_cast<size_t>(i)];
  }
  /// The same, passing over columns that are not `kept` as asked; -1: none is left.
  static int64_t next(const Row& r, const Order& order, int64_t* at, int side, bool kept) {
    while (at[0] <= at[1]) {
      const auto i = order[static_cast<size_t>(at[side])];
      at[side] += side ? -1 : 1;
      if (static_cast<bool>(r.kept[static_cast<size_t>(i)]) == kept) return i;
    }
    return -1;
  }

  /// Without groups. tie: reference: as shipped: a row that stopped goes on moving its pointers and
  /// marks what they pass, until all rows have stopped; otherwise a row that stopped rests.
  void move_free(std::vector<Row>& rows, const Site& site) const {
    const bool shipped = site.pattern.reference_ties;
    for (int64_t cycle = 0; cycle < cycles_ && any_moving(rows); ++cycle)
      for (auto& r : rows) {
        if (!shipped && !r.moving) continue;
        const int grows = r.error > 0, drops = r.error < 0;
        int64_t back = -1, gone = -1;
        if (shipped) {
          back = take(r.grow, r.grow_at, grows, site);
          gone = take(r.drop, r.drop_at, drops, site);
        } else {
          back = next(r, r.grow, r.grow_at, grows, false);
          gone = next(r, r.drop, r.drop_at, drops, true);
          if (back < 0 || gone < 0) r.moving = false;
          if (!r.moving) continue;
        }
        step(r, back, gone, same_sign_, shipped);
      }
  }

  /// In groups of m: what goes is the kept weight with the lowest score beside the one that comes
  /// back.
  void move_nm(std::vector<Row>& rows, const Pattern& pattern) const {
    const bool shipped = pattern.reference_ties;
    for (auto& r : rows)
      for (size_t i = 0; i < r.kept.size(); ++i)
        if (!r.kept[i]) r.ranked[i] = std::numeric_limits<float>::infinity();
    for (int64_t cycle = 0; cycle < cycles_ && any_moving(rows); ++cycle)
      for (auto& r : rows) {
        if (!shipped && !r.moving) continue;
        const int side = r.error > 0;
        auto& at = r.grow_at[side];
        if (at < 0 || at >= static_cast<int64_t>(r.grow.size())) {
          r.moving = false;
          continue;
        }
        const auto back =
            shipped ? r.grow[static_cast<size_t>(at)] : next(r, r.grow, r.grow_at, side, false);
        if (shipped) at += side ? -1 : 1;
        const auto gone = back < 0 ? -1 : lowest_beside(r, back, pattern.of, shipped);
        if (gone < 0) {
          r.moving = false;
          continue;
        }
        step(r, back, gone, /*same_sign=*/true, shipped);
        r.ranked[static_cast<size_t>(gone)] = std::numeric_limits<float>::infinity();
      }
  }

  static int64_t lowest_beside(const Row& r, int64_t column, int64_t m, bool shipped) {
    const auto begin = column - column % m;
    const auto end = std::min(begin + m, static_cast<int64_t>(r.ranked.size()));
    const auto from = r.ranked.begin() + begin, to = r.ranked.begin() + end;
    const auto lowest = std::min_element(from, to);
    if (shipped && std::count(from, to, *lowest) > 1) {
      // torch.topk's choice among equals: two weights of one size, or all have been moved.
      const auto all = at::tensor(at::ArrayRef<float>(&*from, static_cast<size_t>(end - begin)));
      return begin + std::get<1>(at::topk(all, 1, 0, /*largest=*/false)).item<int64_t>();
    }
    return shipped || std::isfinite(*lowest) ? begin + (lowest - from) : -1;
  }

  void step(Row& r, int64_t back, int64_t gone, bool same_sign, bool shipped) const {
    const auto b = static_cast<size_t>(back), g = static_cast<size_t>(gone);
    const float after = r.error + r.effect[g] - r.effect[b];
    r.moving =
        r.moving && std::abs(r.error) > threshold_ && (!same_sign || r.sign == sign_of(after));
    if (!r.moving && !shipped) return;
    r.kept[g] = !r.moving;
    r.kept[b] = r.moving;
    if (!r.moving) return;
    r.error += r.effect[g];
    r.error -= r.effect[b];
  }

  int64_t cycles_;
  float threshold_;
  double power_;
  bool same_sign_;
  std::vector<std::string> skip_;
};

BENCH_REGISTER(
    Update, Dsnot, "dsnot",
    .doc = "moves the mask inside each row until its expected output is near the dense one",
    .source = "Zhang et al. 2024, arXiv 2310.08915", .year = 2024, .data = About::Data::Unlabelled);

}  // namespace
}  // namespace bench
