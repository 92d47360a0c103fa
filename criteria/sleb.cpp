// SLEB (Song et al. 2024, arXiv 2402.09025): greedily drop the block without which the calibration
// loss is smallest, given those that are gone (sleb.py:99-136, utils/onoff_utils).
#include <algorithm>
#include <limits>

#include "core/criterion.h"
#include "measure/sequence_loss.h"

namespace bench {
namespace {

/// The order in which units go: rank 0 goes first. The same list for every group, by its name.
struct GreedyRemoval : Statistic {
  static constexpr const char* kName = "greedy_removal";
  static const Pass& pass();
  explicit GreedyRemoval(const Layer&) {}
  Values values() const override {
    Values all;
    for (const auto& [name, rank] : ranks) all.emplace_back(name, at::tensor(rank));
    return all;
  }
  Notes notes() const override { return {{"sleb.losses", losses}}; }

  std::map<std::string, int64_t> ranks;
  std::vector<double> losses;  // of each step: sum over sequences of mean loss times length
};

/// Units are taken out by shrinking, which swaps handles, and put back by handle.
class Greedy {
 public:
  explicit Greedy(const Probe& p) : p_(p), sequences_(split(p.data.batches)), left_(p.groups) {
    std::stable_sort(left_.begin(), left_.end(),
                     [](const Group* a, const Group* b) { return a->block < b->block; });
  }

  void run() {
    const Restored dense(p_.model);
    while (!left_.empty()) step();
  }

  std::map<std::string, int64_t> ranks;
  std::vector<double> losses;

 private:
  void step() {
    std::vector<Tensor> hidden;
    for (const auto& one : sequences_) hidden.push_back(p_.model.stem(one));
    size_t best = 0, at = 0;
    double lowest = std::numeric_limits<double>::infinity();
    for (int64_t b = 0; b < p_.model.block_count(); ++b) {
      for (; at < left_.size() && left_[at]->block == b; ++at) {
        const double loss = without(*left_[at], hidden);
        if (loss < lowest) lowest = loss, best = at;  // the first minimum wins
      }
      if (at == left_.size()) break;
      for (size_t i = 0; i < hidden.size(); ++i)
        hidden[i] = p_.model.block(b, hidden[i], sequences_[i]);
    }
    take_out(*left_[best]);
    ranks[left_[best]->name] = static_cast<int64_t>(losses.size());
    losses.push_back(lowest);
    left_.erase(left_.begin() + static_cast<std::ptrdiff_t>(best));
  }

  static void take_out(const Group& g) { shrink(g, at::zeros({g.units}, at::kBool)); }

  /// The loss without one more unit; hidden: what its block reads.
  double without(const Group& g, const std::vector<Tensor>& hidden) const {
    const Restored before(p_.model);
    take_out(g);
    double sum = 0;
    for (size_t i = 0; i < hidden.size(); ++i) {
      auto h = hidden[i];
      for (int64_t b = g.block; b < p_.model.block_count(); ++b)
        h = p_.model.block(b, h, sequences_[i]);
      sum += sequence_loss(p_.model, h, sequences_[i]) * static_cast<double>(h.size(0));
    }
    return sum;
  }

  const Probe& p_;
  std::vector<Batch> sequences_;
  std::vector<const Group*> left_;
};

void search(const Probe& p, Heard<GreedyRemoval> heard) {
  at::NoGradGuard no_grad;
  for (const Group* g : p.groups)
    if (g->units != 1 || g->at_least != 0)
      fail("{}: sleb takes out whole blocks or sublayers, not single units of them", g->name);
  Greedy greedy(p);
  greedy.run();
  for (const auto& [layer, s] : heard) {
    s->ranks = greedy.ranks;
    s->losses = greedy.losses;
  }
}

const Pass kSearch = pass_of<GreedyRemoval>(Pass::Global, search);

const Pass& GreedyRemoval::pass() {
  return kSearch;
}

class Sleb : public Criterion {
 public:
  Ranks accepts() const override {
    return {{.weights = false,
             .nm = false,
             .units = {"block", "attention", "mlp"},
             .input = Input::Text}};
  }
  Needs needs() const override { return {need<GreedyRemoval>()}; }
  Tensor units(const Group& group, const Stats& stats) const override {
    const auto& found = stats.get<GreedyRemoval>(*group.slices.front().layer).ranks;
    return at::tensor({static_cast<double>(found.at(group.name))}, at::kDouble);
  }
};

BENCH_REGISTER(Criterion, Sleb, "sleb",
               .doc = "greedy: the block without which the loss is smallest",
               .source = "Song et al. 2024, arXiv 2402.09025", .year = 2024,
               .data = About::Data::Unlabelled, .how = About::How::Searched);

}  // namespace
}  // namespace bench
