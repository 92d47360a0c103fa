#include "measure/greedy_removal.h"

#include <algorithm>
#include <limits>

#include "measure/sequence_loss.h"

namespace bench {
namespace {

/// Units are taken out by shrinking, which swaps handles, and put back by handle.
class Greedy {
 public:
  Greedy(const Probe& p, GreedyRemoval& into)
      : p_(p), into_(into), sequences_(split(p.data.batches)), left_(p.groups) {
    for (const Group* g : p.groups)
      if (g->units != 1 || g->at_least != 0)
        fail("{}: whole blocks or sublayers are taken out one by one, not single units of them",
             g->name);
    std::stable_sort(left_.begin(), left_.end(),
                     [](const Group* a, const Group* b) { return a->block < b->block; });
  }

  void run() {
    const Restored dense(p_.model);
    if (into_.once) return rank(tried());
    while (!left_.empty()) {
      const auto losses = tried();
      const auto at = best(losses);
      into_.ranks[left_[at]->name] = static_cast<int64_t>(into_.losses.size());
      into_.losses.push_back(losses[at]);
      take_out(*left_[at]);
      left_.erase(left_.begin() + static_cast<std::ptrdiff_t>(at));
    }
  }

 private:
  /// The loss without one more, of all that are left. What comes before a block runs once.
  std::vector<double> tried() {
    std::vector<Tensor> hidden;
    for (const auto& one : sequences_) hidden.push_back(p_.model.stem(one));
    std::vector<double> losses;
    for (int64_t b = 0; b < p_.model.block_count(); ++b) {
      while (losses.size() < left_.size() && left_[losses.size()]->block == b)
        losses.push_back(without(*left_[losses.size()], hidden));
      if (losses.size() == left_.size()) break;
      for (size_t i = 0; i < hidden.size(); ++i)
        hidden[i] = p_.model.block(b, hidden[i], sequences_[i]);
    }
    auto& named = into_.tried.emplace_back();
    for (size_t i = 0; i < losses.size(); ++i) named[left_[i]->name] = losses[i];
    return losses;
  }

  /// The first minimum: by blocks, or all attention before all MLPs.
  size_t best(const std::vector<double>& losses) const {
    std::vector<size_t> order(losses.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    if (!into_.per_token)
      std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
        return (left_[a]->kind == "mlp") < (left_[b]->kind == "mlp");
      });
    return *std::min_element(order.begin(), order.end(),
                             [&](size_t a, size_t b) { return losses[a] < losses[b]; });
  }

  void rank(const std::vector<double>& losses) {
    std::vector<size_t> order(losses.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return losses[a] < losses[b]; });
    for (const auto i : order) {
      into_.ranks[left_[i]->name] = static_cast<int64_t>(into_.losses.size());
      into_.losses.push_back(losses[i]);
    }
  }

  static void take_out(const Group& g) { shrink(g, at::zeros({g.units}, at::kBool)); }

  /// hidden: what the unit's block reads.
  double without(const Group& g, const std::vector<Tensor>& hidden) const {
    const Restored before(p_.model);
    take_out(g);
    double sum = 0, all = 0;
    for (size_t i = 0; i < hidden.size(); ++i) {
      auto h = hidden[i];
      for (int64_t b = g.block; b < p_.model.block_count(); ++b)
        h = p_.model.block(b, h, sequences_[i]);
      const double mean = sequence_loss(p_.model, h, sequences_[i]);
      const auto tokens = static_cast<double>(h.size(0));
      const double weight = into_.once ? tokens - 1 : into_.per_token ? tokens : 1;
      sum += mean * weight, all += weight;
    }
    return into_.per_token && !into_.once ? sum : sum / all;
  }

  const Probe& p_;
  GreedyRemoval& into_;
  std::vector<Batch> sequences_;
  std::vector<const Group*> left_;
};

void search(const Probe& p, Heard<GreedyRemoval> heard) {
  at::NoGradGuard no_grad;
  if (heard.empty()) return;
  auto& first = *heard.front().second;
  Greedy(p, first).run();
  for (const auto& [layer, s] : heard)
    if (s != &first) s->ranks = first.ranks, s->losses = first.losses, s->tried = first.tried;
}

const Pass kSearch = pass_of<GreedyRemoval>(Pass::Global, search);

}  // namespace

const Pass& GreedyRemoval::pass() {
  return kSearch;
}

Statistic::Values GreedyRemoval::values() const {
  Values all;
  for (const auto& [name, rank] : ranks) all.emplace_back(name, at::tensor(rank));
  return all;
}

}  // namespace bench
