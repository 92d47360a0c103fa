// HRank (Lin et al. 2020, arXiv 2002.10179; lmbxmu/HRank@c03ac85 rank_generation.py:179-224): the
// mean rank of the feature map that a channel makes; low rank goes. A map is seen by the layers
// that read it; the last map, which only the pooling reads, counts for the classifier behind it.
#include "core/borrowed.h"
#include "core/criterion.h"

namespace bench {
namespace {

/// Running mean over images of the ranks of a layer's input maps, [in channels].
struct MapRank : Statistic {
  static constexpr const char* kName = "map_rank";
  static const Pass& pass();
  explicit MapRank(const Layer& l) : mean(at::zeros({l.weight.size(1)}, at::kDouble)) {}
  Values values() const override { return {{"mean", mean}}; }
  void add(const Tensor& ranks) {  // [n, channels]
    const auto n = static_cast<double>(ranks.size(0));
    mean = (mean * count + ranks.to(at::kDouble).sum(0)) / (count + n);
    count += n;
  }
  Tensor mean;
  double count = 0;
};

/// [n, c, h, w] -> [n, c]; the default tolerance max(h, w) eps sigma_max.
Tensor ranks_of(const Tensor& maps) {
  return at::linalg_matrix_rank(maps.contiguous().flatten(0, 1), c10::optional<double>(),
                                c10::optional<double>())
      .reshape({maps.size(0), maps.size(1)})
      .cpu();
}

void watch(Layer& layer, MapRank* rank, const Tensor& block_input, Borrowed& borrowed) {
  borrowed.lens(layer, [rank, block_input](const Layer& l, const Tensor& x) {
    const auto& maps = x.dim() == 4 ? x : block_input;
    if (maps.dim() != 4 || maps.size(1) != l.weight.size(1))
      fail("{}: reads no feature map, so hrank cannot rank its channels", l.name);
    rank->add(ranks_of(maps));
    return without_lens(l, x);
  });
}

void measure(const Probe& p, Heard<MapRank> heard) {
  at::NoGradGuard no_grad;
  if (p.data.batches.empty() || p.data.batches.front().is_text())
    fail("hrank looks at feature maps of images; it cannot use text");
  const std::map<Layer*, MapRank*> ranks(heard.begin(), heard.end());
  for (const auto& batch : samples(p.data.batches)) {
    Borrowed borrowed;
    auto hidden = p.model.stem(batch);
    for (int64_t b = 0; b < p.model.block_count(); ++b) {
      for (Layer* l : p.model.layers(b))
        if (const auto it = ranks.find(l); it != ranks.end())
          watch(*l, it->second, hidden, borrowed);
      hidden = p.model.block(b, hidden, batch);
    }
  }
}

// LAPACK's blocking may depend on the threads.
const Pass kRanks = pass_of<MapRank>(Pass::Global, measure, Pass::One);
const Pass& MapRank::pass() {
  return kRanks;
}

class HRank : public Criterion {
 public:
  Ranks accepts() const override {
    return {{.weights = false, .nm = false, .units = {"channel"}, .input = Input::Images}};
  }
  Needs needs() const override { return {need<MapRank>()}; }
  Tensor score(const View& view, const Stats& stats) const override {
    const auto ranks = stats.get<MapRank>(view.layer).mean.to(view.weight.device());
    return ranks.repeat_interleave(view.layer.columns_per_channel())
        .slice(0, view.begin, view.end)
        .unsqueeze(0)
        .expand_as(view.weight)
        .to(at::kFloat);
  }
  Tensor units(const Group& group, const Stats& stats) const override {
    std::vector<Tensor> all;
    for (const auto& s : group.slices)
      if (s.dim == Slice::In) all.push_back(stats.get<MapRank>(*s.layer).mean);
    if (all.empty()) fail("{}: no layer reads its channels", group.name);
    return reduce_members(group, all, "mean");
  }
};

BENCH_REGISTER(Criterion, HRank, "hrank", .doc = "mean rank of a channel's feature maps",
               .source = "Lin et al. 2020, arXiv 2002.10179", .year = 2020,
               .data = About::Data::Unlabelled);

}  // namespace
}  // namespace bench
