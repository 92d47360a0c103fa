// LaCo (Yang et al. 2024, arXiv 2402.11187; yangyifei729/LaCo@8483587 laco_llama-13b.ipynb): from
// the top down, a few blocks in a row become one as long as the last hidden states stay alike. The
// paper adds the differences of the later blocks to the first one; the authors' notebook takes them
// from the weights as merged so far, so that the matrices of the last block are what is left.
#include <algorithm>

#include "core/stage.h"

namespace bench {
namespace {

class Laco : public Stage {
 public:
  static Schema schema() {
    return {key("merge", 7, "blocks that become one").range(2, 1000).in("blocks"),
            key("threshold", 0.45,
                "smallest cosine of the flattened last hidden states, mean over sequences, with "
                "those of the model as it was")
                .range(-1, 1),
            key("interval", 1, "blocks to go down after a merge").at_least(1).in("blocks"),
            key("highest", -1, "the block below which the first merge ends; -1: the last one")
                .at_least(-1),
            key("lowest", 0, "no merge begins before that block").at_least(0),
            key("form", "shipped",
                "shipped: the last block's matrices stay (the authors' notebook); paper: the sum "
                "of the first one's and all differences to it")
                .one_of({"shipped", "paper"})};
  }
  explicit Laco(const Config& c)
      : merge_(c.get<int64_t>("merge")),
        interval_(c.get<int64_t>("interval")),
        highest_(c.get<int64_t>("highest")),
        lowest_(c.get<int64_t>("lowest")),
        threshold_(c.get<double>("threshold")),
        paper_(c.get<std::string>("form") == "paper") {}
  Accepts accepts() const override { return {.input = Input::Text}; }
  bool calibrates() const override { return true; }

  void apply(StageContext& c) const override {
    at::NoGradGuard no_grad;
    auto& model = c.model;
    std::vector<int64_t> left;  // blocks that are there, as the authors' list of layers
    for (const auto& g : model.groups("block")) left.push_back(g.block);
    for (const auto b : left) check(model, b);
    const auto data = c.calibration();
    const auto sequences = split(data.batches);
    std::vector<Tensor> dense;
    for (const auto& one : sequences) dense.push_back(ends_in(model, one));
    const auto top = highest_ < 0 ? static_cast<int64_t>(left.size()) - 1 : highest_;
    int64_t step = 0;
    for (auto at = std::min(top, static_cast<int64_t>(left.size())) - merge_; at >= lowest_;) {
      const Snapshot before(model);
      auto now = merged(model, left, at);
      double alike = 0;
      for (size_t i = 0; i < sequences.size(); ++i)
        alike += at::cosine_similarity(dense[i], ends_in(model, sequences[i]), 0).item<double>() /
                 static_cast<double>(sequences.size());
      const bool stays = alike > threshold_;
      if (!stays) before.restore(model);
      if (stays) left = std::move(now);
      if (c.record) {
        c.record(fmt::format("step{}_similarity", step), alike, "cosine");
        c.record(fmt::format("step{}_block", step), static_cast<double>(at), "block");
        c.record(fmt::format("step{}_blocks_left", step), static_cast<double>(left.size()),
                 "blocks");
      }
      ++step;
      at -= stays ? interval_ : 1;
      if (stays && at >= static_cast<int64_t>(left.size()))
        at = static_cast<int64_t>(left.size()) - 1 - merge_;
    }
  }

 private:
  /// The last hidden state behind the final norm, flat.
  static Tensor ends_in(const Model& model, const Batch& one) {
    return model.features(model.body(one), one).flatten().to(at::kDouble);
  }

  static void check(Model& model, int64_t block) {
    const auto first = model.layers(model.groups("block").front().block),
               here = model.layers(block);
    bool same = first.size() == here.size();
    for (size_t i = 0; same && i < here.size(); ++i)
      same = here[i]->weight.sizes() == first[i]->weight.sizes() &&
             !here[i]->low_rank.u.defined() &&
             (!here[i]->mask.defined() || here[i]->mask.all().item<bool>());
    if (!same)
      fail(
          "stage laco: block {} is of another shape than the first one, or pruned: blocks are "
          "merged before anything is pruned (before: laco)",
          block);
  }

  /// The blocks behind `left[at]` become part of it; those that are left then.
  std::vector<int64_t> merged(Model& model, const std::vector<int64_t>& left, int64_t at) const {
    const auto there = static_cast<int64_t>(left.size());
    const auto more = std::min(merge_ - 1, there - at - 1);
    if (more <= 0) return left;
    const auto into = model.layers(left[static_cast<size_t>(at)]);
    for (size_t i = 0; i < into.size(); ++i)
      for (Tensor Layer::*which : {&Layer::weight, &Layer::bias}) {
        std::vector<Tensor> others;
        for (int64_t k = 1; k <= more; ++k)
          others.push_back(model.layers(left[static_cast<size_t>(at + k)])[i]->*which);
        auto& mine = into[i]->*which;
        if (mine.defined()) mine = paper_ ? sum_of(mine, others) : others.back();
      }
    auto now = left;
    for (int64_t k = more; k >= 1; --k) {
      take_out(model, left[static_cast<size_t>(at + k)]);
      now.erase(now.begin() + at + k);
    }
    return now;
  }

  static Tensor sum_of(const Tensor& first, const std::vector<Tensor>& others) {
    auto sum = first.clone();
    for (const auto& o : others) sum += o - first;
    return sum;
  }

  static void take_out(Model& model, int64_t block) {
    for (const auto& g : model.groups("block"))
      if (g.block == block) return shrink(g, at::zeros({g.units}, at::kBool));
  }

  int64_t merge_, interval_, highest_, lowest_;
  double threshold_;
  bool paper_;
};

BENCH_REGISTER(Stage, Laco, "laco",
               .doc = "blocks in a row become one as long as the last hidden states stay alike",
               .source = "Yang et al. 2024, arXiv 2402.11187", .year = 2024,
               .data = About::Data::Unlabelled, .how = About::How::Searched);

}  // namespace
}  // namespace bench
