// ASVD (Yuan et al. 2023, arXiv 2312.05821; hahnyuan/ASVD4LLM@8630427 act_aware_utils.py:45-80,
// modules/svd_linear.py:26-70, sensitivity.py, binary_search.py): the truncated SVD of W D, D how
// large the inputs are to the power alpha. The exact truncation, where the authors' is randomised.
// Shares of layers are one for all, or by how much perplexity splitting one layer alone costs.
#include <algorithm>
#include <cmath>

#include "core/stage.h"
#include "measure/low_rank.h"
#include "measure/sequence_loss.h"

namespace bench {
namespace {

/// Sum over sequences of the mean size of each input, or its largest size over all tokens.
struct InputSizes : Statistic {
  static constexpr const char* kName = "input_sizes";
  static const Pass& pass() { return kForwardPass; }
  InputSizes(const Layer& l, int largest_)
      : largest(largest_ != 0),
        of(at::zeros({l.columns()}, l.weight.options().dtype(at::kFloat))) {}
  void on_input(const Tensor& x, int64_t) override {
    of = largest ? at::maximum(of, x.abs().amax(0)) : of + x.abs().mean(0);
  }
  Values values() const override { return {{"of", of}}; }
  bool largest;
  Tensor of;
};

class Asvd : public Stage {
 public:
  static Schema schema() {
    return {
        key("keep", 0.8, "share of the layers' parameters that their factors hold").range(0.001, 1),
        key("alpha", 0.5, "power of the inputs' sizes").range(0, 10),
        key("inputs", "mean", "their size: mean over tokens, summed over sequences; or largest")
            .one_of({"mean", "largest"}),
        key("align", 1, "ranks are rounded up to a multiple").range(1, 4096),
        key("shares", "even",
            "of layers: the same for all; searched: tenths, by the perplexity that splitting "
            "each layer alone leaves")
            .one_of({"even", "searched"})};
  }
  explicit Asvd(const Config& c)
      : keep_(c.get<double>("keep")),
        alpha_(c.get<double>("alpha")),
        align_(c.get<int64_t>("align")),
        largest_(c.get<std::string>("inputs") == "largest"),
        searched_(c.get<std::string>("shares") == "searched") {}
  Accepts accepts() const override { return {.input = searched_ ? Input::Text : Input::Any}; }
  bool calibrates() const override { return true; }

  void apply(StageContext& c) const override {
    at::NoGradGuard no_grad;
    const auto layers = splittable(c.model, "stage asvd");
    auto data = c.calibration();
    data.start(c.model);
    const auto kind = need<InputSizes>(int{largest_});
    const auto stats =
        collect({c.model, {0, c.model.block_count()}, data, layers}, {kind}, Pass::Local);
    std::vector<Whole> all;
    for (Layer* l : layers) all.push_back(whole(*l, stats->get<InputSizes>(*l, kind).of));
    const auto shares = searched_ ? found(c, all, data) : std::vector<double>(layers.size(), keep_);
    for (size_t i = 0; i < all.size(); ++i) cut(all[i], shares[i]);
  }

 private:
  /// A layer with all of its singular values: what any share of it is cut from.
  struct Whole {
    Layer* layer;
    Truncated all;  // v unscaled
  };

  Whole whole(Layer& l, const Tensor& sizes) const {
    const auto scale = (sizes.pow(alpha_) + 1e-6).to(at::kDouble);
    auto t = truncated(l.matrix().to(at::kDouble) * scale, std::min(l.rows(), l.columns()));
    t.v = t.v / scale;
    return {&l, std::move(t)};
  }

  /// A share of 1 leaves the layer as it is.
  void cut(const Whole& w, double share) const {
    if (share >= 1) return;
    const auto out = w.layer->rows(), in = w.layer->columns();
    auto rank = static_cast<int64_t>(static_cast<double>(out * in) * share + 1e-9) / (out + in);
    rank = std::clamp<int64_t>((rank + align_ - 1) / align_ * align_, 1, std::min(out, in));
    w.layer->set_low_rank(w.all.u.slice(1, 0, rank), w.all.v.slice(0, 0, rank), {});
  }

  /// The largest set of (layer, share) that cost least, as long as the share of all parameters that
  /// is left is above the target; each layer at the smallest share chosen for it.
  std::vector<double> found(const StageContext& c, const std::vector<Whole>& all,
                            const Calibration& data) const {
    struct Try {
      size_t layer;
      double share, loss;
    };
    std::vector<Try> tries;
    const auto sequences = split(data.batches);
    for (size_t i = 0; i < all.size(); ++i) {
      for (int64_t tenth = 1; tenth < 10; ++tenth) {
        const Restored before(c.model);
        const double share = static_cast<double>(tenth) / 10;
        cut(all[i], share);
        tries.push_back({i, share, loss(c.model, sequences)});
      }
      if (c.progress) c.progress(static_cast<int64_t>(i + 1), static_cast<int64_t>(all.size()));
    }
    std::stable_sort(tries.begin(), tries.end(),
                     [](const Try& a, const Try& b) { return a.loss > b.loss; });
    const auto shares_from = [&](size_t first) {
      std::vector<double> shares(all.size(), 1);
      for (auto i = first; i < tries.size(); ++i)
        shares[tries[i].layer] = std::min(shares[tries[i].layer], tries[i].share);
      return shares;
    };
    size_t low = 0, high = tries.size() - 1, middle = 0;
    while (low < high) {
      middle = (low + high) / 2;
      double left = 0, total = 0;
      const auto shares = shares_from(middle);
      for (size_t i = 0; i < all.size(); ++i) {
        const auto n = static_cast<double>(all[i].layer->weight.numel());
        left += n * shares[i], total += n;
      }
      if (left / total > keep_)
        high = middle;
      else
        low = middle + 1;
    }
    return shares_from(middle);
  }

  static double loss(const Model& model, const std::vector<Batch>& sequences) {
    double sum = 0;
    for (const auto& one : sequences) sum += sequence_loss(model, model.body(one), one);
    return sum / static_cast<double>(sequences.size());
  }

  double keep_, alpha_;
  int64_t align_;
  bool largest_, searched_;
};

BENCH_REGISTER(Stage, Asvd, "asvd",
               .doc = "each layer as two factors, columns weighed by the size of their inputs",
               .source = "Yuan et al. 2023, arXiv 2312.05821", .year = 2023,
               .when = About::When::Any, .data = About::Data::Unlabelled, .fusion = "low_rank");

}  // namespace
}  // namespace bench
