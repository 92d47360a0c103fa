// "Not all experts are equal" (Lu et al. 2024, arXiv 2402.14800;
// Lucky-Lance/Expert_Sparsity@16067c0 method/expert_pruning.py:15-115, model/wrapper.py:103-127):
// every set of experts that could go is tried in each block. Those go without which the block's
// mixture gives the least different outputs: sum over chunks of sequences of the Frobenius norm of
// the difference, the first of equals. progressive: blocks see what the blocks before them, already
// pruned, give.
#include "measure/routed.h"

namespace bench {
namespace {

constexpr int64_t kMostSets = 20000;

struct BestSet : Statistic {
  static constexpr const char* kName = "naee";
  static const Pass& pass();
  BestSet(const Layer&, int progressive_, int64_t together_)
      : progressive(progressive_ != 0), together(together_) {}
  Values values() const override {
    return loss.defined() ? Values{{"loss", loss}, {"dropped", dropped}} : Values{};
  }
  bool progressive;
  int64_t together;  // sequences a chunk
  Tensor loss;       // float64 [sets], in lexicographic order
  Tensor dropped;    // int64 [sets, removed]
  Tensor kept;       // bool [E]: of the best set
};

/// All sets of `count` of [0, of), in lexicographic order.
Tensor sets_of(int64_t of, int64_t count) {
  double sets = 1;
  for (int64_t i = 0; i < count; ++i)
    sets *= static_cast<double>(of - i) / static_cast<double>(i + 1);
  if (sets > kMostSets)
    fail("naee tries every set of experts: {} of {} are {:.3g} sets, more than {}", count, of, sets,
         kMostSets);
  std::vector<int64_t> now, all;
  for (int64_t i = 0; i < count; ++i) now.push_back(i);
  for (;;) {
    all.insert(all.end(), now.begin(), now.end());
    auto i = count - 1;
    while (i >= 0 && now[static_cast<size_t>(i)] == of - count + i) --i;
    if (i < 0) break;
    ++now[static_cast<size_t>(i)];
    for (auto k = i + 1; k < count; ++k)
      now[static_cast<size_t>(k)] = now[static_cast<size_t>(k - 1)] + 1;
  }
  return at::tensor(all, at::kLong).reshape({-1, count});
}

/// Experts that are masked until the end of the scope.
class Masked {
 public:
  Masked(Mixture& m, const Tensor& alive) : m_(m), before_(m.alive) { m_.alive = alive; }
  ~Masked() { m_.alive = before_; }
  Masked(const Masked&) = delete;
  Masked& operator=(const Masked&) = delete;

 private:
  Mixture& m_;
  Tensor before_;
};

/// Inputs of one mixture, chunk by chunk, and the next block's inputs.
struct Passage {
  std::vector<Tensor> inputs, hidden;
};
Passage through(const Probe& p, int64_t block, Mixture* mixture, const std::vector<Batch>& chunks,
                const std::vector<Tensor>& hidden) {
  Passage out;
  Tensor seen;
  for (size_t i = 0; i < chunks.size(); ++i) {
    if (!mixture) {
      out.hidden.push_back(p.model.block(block, hidden[i], chunks[i]));
      continue;
    }
    const Watched watched(*mixture, [&](const Tensor& x, const Routing&) { seen = x; });
    out.hidden.push_back(p.model.block(block, hidden[i], chunks[i]));
    out.inputs.push_back(seen);
  }
  return out;
}

void search(Mixture& m, int64_t removed, const std::vector<Tensor>& inputs,
            const std::vector<Tensor>& outputs, BestSet& best) {
  const auto experts = m.experts();
  best.dropped = sets_of(experts, removed);
  best.loss = at::zeros({best.dropped.size(0)}, at::kDouble);
  double least = std::numeric_limits<double>::infinity();
  for (int64_t s = 0; s < best.dropped.size(0); ++s) {
    const auto alive = at::ones({experts}, at::kBool).index_fill(0, best.dropped[s], false);
    const Masked masked(m, alive);
    double loss = 0;
    for (size_t i = 0; i < inputs.size(); ++i)
      loss += at::linalg_vector_norm(outputs[i] - m(inputs[i])).item<double>();
    best.loss[s] = loss;
    if (loss < least) least = loss, best.kept = alive;
  }
}

/// The sequences, so many in a chunk: one forward call of the authors.
std::vector<Batch> chunks_of(const std::vector<Batch>& batches, int64_t together) {
  std::vector<Sequence> run;
  std::vector<Batch> all;
  const auto flush = [&] {
    if (!run.empty()) all.push_back(text_batch(run));
    run.clear();
  };
  for (const auto& one : split(batches)) {
    const auto ids = one.ids.cpu();
    const auto* p = ids.const_data_ptr<int64_t>();
    run.emplace_back(p, p + ids.numel());
    if (static_cast<int64_t>(run.size()) == together) flush();
  }
  flush();
  return all;
}

void measure(const Probe& p, Heard<BestSet> heard) {
  at::NoGradGuard no_grad;
  const std::map<Layer*, BestSet*> by_layer(heard.begin(), heard.end());
  std::map<int64_t, Contested> at_block;
  for (const auto& c : contested(p)) at_block.emplace(c.group->block, c);
  const bool progressive = heard.front().second->progressive;
  auto chunks = chunks_of(p.data.batches, heard.front().second->together);
  std::vector<Tensor> dense;
  for (auto& chunk : chunks) {
    chunk = chunk.to(p.layers.front()->weight.device());
    dense.push_back(p.model.stem(chunk));
  }
  auto pruned = dense;
  for (int64_t b = 0; b < p.model.block_count(); ++b) {
    const auto it = at_block.find(b);
    auto* mixture = it == at_block.end() ? nullptr : it->second.mixture;
    auto now = through(p, b, mixture, chunks, dense);
    if (!mixture) {
      dense = std::move(now.hidden);
      if (progressive) pruned = through(p, b, nullptr, chunks, pruned).hidden;
      continue;
    }
    std::vector<Tensor> outputs;
    for (const auto& x : now.inputs) outputs.push_back((*mixture)(x));
    auto& best = *by_layer.at(it->second.root);
    const auto removed =
        static_cast<int64_t>(p.target * static_cast<double>(mixture->experts()) * (1 + 1e-12));
    auto inputs = now.inputs;
    if (progressive) inputs = through(p, b, mixture, chunks, pruned).inputs;
    search(*mixture, std::min(removed, mixture->experts() - mixture->chosen()), inputs, outputs,
           best);
    dense = std::move(now.hidden);
    if (!progressive) continue;
    const Masked masked(*mixture, best.kept);
    pruned = through(p, b, nullptr, chunks, pruned).hidden;
  }
}

const Pass kSearch = pass_of<BestSet>(Pass::Global, measure, Pass::All, /*aimed=*/true);
const Pass& BestSet::pass() {
  return kSearch;
}

class Naee : public Criterion {
 public:
  static Schema schema() {
    return {key("progressive", false, "blocks see what pruned blocks before them give"),
            key("together", 1, "sequences in a chunk, whose norm is one term of the loss")
                .range(1, 4096)};
  }
  explicit Naee(const Config& c)
      : progressive_(c.get<bool>("progressive")), together_(c.get<int64_t>("together")) {}
  Ranks accepts() const override { return RoutedCriterion::of_experts(); }
  Needs needs() const override { return {need<BestSet>(progressive_ ? 1 : 0, together_)}; }
  Tensor units(const Group& group, const Stats& stats) const override {
    const auto& best = stats.get<BestSet>(*group.slices.front().layer, needs().front());
    return best.kept.to(at::kDouble);
  }

 private:
  bool progressive_;
  int64_t together_;
};

BENCH_REGISTER(Criterion, Naee, "naee", .doc = "the set of experts that a block misses least",
               .source = "Lu et al. 2024, arXiv 2402.14800", .year = 2024,
               .data = About::Data::Unlabelled, .how = About::How::Searched);

}  // namespace
}  // namespace bench
