// Shortened LLaMA (Kim et al. 2024, arXiv 2402.02834; Nota-NetsPresso/shortened-llm@4031a92
// src/anal_block_sensitivity_{ppl,taylor,magnitude}.py): whole blocks, ranked once by perplexity
// without each, by the weights of each times their gradients, or by their size. Norms count as
// weights. The authors' "+" keeps the first four and the last two blocks: pattern.exempt.
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <set>

#include "core/borrowed.h"
#include "core/criterion.h"
#include "measure/greedy_removal.h"

namespace bench {
namespace {

/// The weights of a block: its layers, and the scales of its norms, which stand in state dicts
/// under `weight` as matrices do.
std::vector<Tensor*> weights_of(const Group& block, Model& model) {
  std::vector<Tensor*> all;
  std::set<const Tensor*> seen, scales;
  for (const auto& t : model.tensors())
    if (t.parameter && t.tensor->defined() && t.tensor->dim() == 1 && t.name.ends_with(".weight"))
      scales.insert(t.tensor);
  for (const auto& s : block.slices)
    if (seen.insert(&s.layer->weight).second) all.push_back(&s.layer->weight);
  for (const auto& f : block.followers)
    if (scales.contains(f.values) && seen.insert(f.values).second) all.push_back(f.values);
  return all;
}

/// A power summed over the columns of each row, then rows to one number, float32 as the authors'.
Tensor reduced(const Tensor& values, const std::string& how) {
  if (how == "sum") return values.sum();
  if (how == "mean") return values.mean();
  return how == "max" ? values.max() : values.prod();
}

/// Scores of blocks by name; the gradient is of `batch` sequences together, and w g adds up over
/// batches with its sign. batch 0: of all sequences; -1: weights alone.
struct BlockWeights : Statistic {
  static constexpr const char* kName = "block_weights";
  static const Pass& pass();
  BlockWeights(const Layer&, int64_t batch_, int64_t power_, std::string rows_, std::string block_)
      : batch(batch_), power(power_), rows(std::move(rows_)), block(std::move(block_)) {}
  Values values() const override {
    Values all;
    for (const auto& [name, s] : scores) all.emplace_back(name, at::tensor({s}, at::kDouble));
    return all;
  }
  int64_t batch, power;
  std::string rows, block;  // how rows become a weight's score, and weights a block's
  std::map<std::string, double> scores;
  std::map<std::string, std::vector<double>> weights;  // of each weight, in the block's order
};

/// w of each weight, or the sum over batches of w times its gradient.
std::vector<Tensor> salience(const Probe& p, const std::vector<Tensor*>& all, int64_t batch) {
  std::vector<Tensor> sums;
  if (batch < 0) {
    for (const Tensor* t : all) sums.push_back(t->to(at::kFloat));
    return sums;
  }
  const auto sequences = split(p.data.batches);
  const auto count = static_cast<int64_t>(sequences.size());
  if (batch == 0) batch = count;
  for (int64_t at = 0; at < count; at += batch) {
    std::vector<Sequence> together;
    for (auto i = at; i < std::min(at + batch, count); ++i) {
      const auto ids = sequences[static_cast<size_t>(i)].ids.cpu().contiguous();
      const auto* first = ids.const_data_ptr<int64_t>();
      together.emplace_back(first, first + ids.numel());
    }
    const at::AutoGradMode grad(true);
    Borrowed borrowed;
    std::vector<Tensor> leaves;
    for (Tensor* t : all) leaves.push_back(borrowed.leaf(*t));
    const auto loss = p.model.loss(text_batch(together).to(sequences.front().ids.device()));
    const auto g = torch::autograd::grad({loss}, leaves, {}, {}, false, /*allow_unused=*/true);
    const at::NoGradGuard no_grad;
    for (size_t i = 0; i < g.size(); ++i) {
      const auto here = g[i].defined() ? (leaves[i].detach() * g[i]).to(at::kFloat)
                                       : at::zeros_like(leaves[i].detach());
      if (sums.size() <= i)
        sums.push_back(here);
      else
        sums[i] += here;
    }
  }
  return sums;
}

void score(const Probe& p, Heard<BlockWeights> heard) {
  if (heard.empty()) return;
  auto& first = *heard.front().second;
  std::vector<Tensor*> all;
  std::vector<size_t> begin{0};
  for (const Group* g : p.groups) {
    for (Tensor* t : weights_of(*g, p.model)) all.push_back(t);
    begin.push_back(all.size());
  }
  const auto found = salience(p, all, first.batch);
  at::NoGradGuard no_grad;
  for (size_t k = 0; k < p.groups.size(); ++k) {
    auto& weights = first.weights[p.groups[k]->name];
    for (auto i = begin[k]; i < begin[k + 1]; ++i) {
      auto of = found[i].abs().pow(first.power);
      if (of.dim() > 1) of = of.flatten(1).sum(1);
      weights.push_back(reduced(of, first.rows).item<float>());
    }
    first.scores[p.groups[k]->name] =
        reduced(at::tensor(weights, at::kFloat), first.block).item<float>();
  }
  for (const auto& [layer, s] : heard) s->scores = first.scores, s->weights = first.weights;
}

const Pass kScore = pass_of<BlockWeights>(Pass::Global, score, Pass::One);
const Pass& BlockWeights::pass() {
  return kScore;
}

class ShortenedLlama : public Criterion {
 public:
  static Schema schema() {
    return {key("by", "ppl",
                "ppl: perplexity without the block; taylor: weights times gradients; magnitude")
                .one_of({"ppl", "taylor", "magnitude"}),
            key("power", 1, "taylor, magnitude: of each weight's size").range(1, 2),
            key("rows", "sum", "taylor, magnitude: how the rows of a weight become its score")
                .one_of({"sum", "mean", "max", "prod"}),
            key("block", "sum", "taylor, magnitude: how its weights become a block's score")
                .one_of({"sum", "mean", "max", "prod"}),
            key("batch", 0,
                "taylor: sequences whose gradient is taken together, w g adds up over batches with "
                "its sign; 0: all at once, the authors' default")
                .range(0, 1000000)
                .in("sequences")};
  }
  explicit ShortenedLlama(const Config& c)
      : by_(c.get<std::string>("by")),
        rows_(c.get<std::string>("rows")),
        block_(c.get<std::string>("block")),
        power_(c.get<int64_t>("power")),
        batch_(c.get<int64_t>("batch")) {}
  Ranks accepts() const override {
    return {{.weights = false, .nm = false, .units = {"block"}, .input = Input::Text}};
  }
  Needs needs() const override { return {by_ == "ppl" ? once() : weights()}; }
  Tensor units(const Group& group, const Stats& stats) const override {
    const auto& layer = *group.slices.front().layer;
    const double score =
        by_ == "ppl"
            ? static_cast<double>(stats.get<GreedyRemoval>(layer, once()).ranks.at(group.name))
            : stats.get<BlockWeights>(layer, weights()).scores.at(group.name);
    return at::tensor({score}, at::kDouble);
  }

 private:
  static StatisticKind once() { return need<GreedyRemoval>(1, 1); }
  StatisticKind weights() const {
    return need<BlockWeights>(by_ == "taylor" ? batch_ : int64_t{-1}, power_, rows_, block_);
  }

  std::string by_, rows_, block_;
  int64_t power_, batch_;
};

BENCH_REGISTER(Criterion, ShortenedLlama, "shortened_llama",
               .doc = "blocks by perplexity without them, by weights times gradients, or by size",
               .source = "Kim et al. 2024, arXiv 2402.02834", .year = 2024,
               .data = About::Data::Unlabelled);

}  // namespace
}  // namespace bench
