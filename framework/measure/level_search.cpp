#include "measure/level_search.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "base/python_random.h"
#include "core/borrowed.h"
#include "measure/sequence_loss.h"

namespace bench {
namespace {

constexpr int64_t kRows = 256;  // of logits held at a time

/// Mean divergence of the next token's distribution from the teacher's over all rows but the last,
/// float64.
double divergence(const Model& model, const Tensor& teacher, const Tensor& student,
                  const Batch& one) {
  double sum = 0;
  const auto n = student.size(0) - 1;
  for (int64_t at = 0; at < n; at += kRows) {
    const auto rows = std::min(kRows, n - at);
    const auto of = [&](const Tensor& hidden) {
      return model.head(hidden.narrow(0, at, rows), one).to(at::kDouble).log_softmax(1);
    };
    const auto t = of(teacher);
    sum += (t.exp() * (t - of(student))).sum().item<double>();
  }
  return sum / static_cast<double>(n);
}

class Search {
 public:
  Search(Model& model, const Calibration& data, const std::vector<Layer*>& layers,
         const LevelSearch& how, const std::function<Tensor(size_t, int64_t)>& weight,
         const std::function<void(const LevelChoice&)>& seen)
      : model_(model),
        layers_(layers),
        how_(how),
        weight_(weight),
        seen_(seen),
        random_(static_cast<uint64_t>(how.seed)),
        sequences_(split(data.batches)) {
    for (const auto& s : sequences_) all_tokens_ += s.ids.numel();
  }

  Levels run() {
    Levels parent(layers_.size(), 0);
    for (int64_t g = 0; g < how_.generations; ++g) {
      auto candidates = mutants(parent);
      for (size_t stage = 0; stage < how_.survivors.size(); ++stage) {
        // The parent joins wherever as many survive as in the last stage.
        if (how_.survivors[stage] == how_.survivors.back() &&
            std::find(candidates.begin(), candidates.end(), parent) == candidates.end())
          candidates.push_back(parent);
        candidates = choose(candidates, g, stage);
      }
      parent = candidates.front();
    }
    return parent;
  }

 private:
  bool exists(size_t layer, int64_t level) {
    return std::abs(level) <= how_.levels && at_level(layer, level).defined();
  }

  const Tensor& at_level(size_t layer, int64_t level) {
    const auto [it, first] = weights_.try_emplace({layer, level});
    if (first) {
      it->second = weight_(layer, level);
      if (it->second.defined())
        it->second = it->second.reshape(layers_[layer]->weight.sizes()).contiguous();
    }
    return it->second;
  }

  /// A layer drawn until one has the level `step` away.
  size_t drawn(const Levels& from, int64_t step) {
    bool any = false;
    for (size_t i = 0; i < from.size() && !any; ++i) any = exists(i, from[i] + step);
    if (!any) fail("allocator evopress: no layer has a level left to move to; use more levels");
    for (;;) {
      const auto i =
          static_cast<size_t>(random_.randint(0, static_cast<int64_t>(from.size()) - 1));
      if (exists(i, from[i] + step)) return i;
    }
  }

  std::vector<Levels> mutants(const Levels& parent) {
    std::vector<Levels> all;
    // Where few states can be reached, fewer than asked for.
    const int64_t tries = how_.offspring * 1000;
    for (int64_t t = 0; t < tries && static_cast<int64_t>(all.size()) < how_.offspring; ++t) {
      auto child = parent;
      const auto first = random_.randint(1, 3), second = random_.randint(1, 3);
      for (int64_t i = 0; i < std::min(first, second); ++i) {
        const auto down = drawn(child, -1), up = drawn(child, 1);
        --child[down];
        ++child[up];
      }
      int64_t deviation = 0;
      for (const auto level : child) deviation += std::abs(level);
      if (std::find(all.begin(), all.end(), child) != all.end() || deviation > how_.max_deviation)
        continue;
      all.push_back(std::move(child));
    }
    return all;
  }

  /// Sequences drawn until they hold exactly so many tokens; the last one is cut.
  std::vector<std::pair<int64_t, Batch>> minibatch(int64_t tokens) {
    tokens = std::min(tokens, all_tokens_);
    std::vector<std::pair<int64_t, Batch>> all;
    int64_t used = 0;
    while (used < tokens) {
      const auto i = random_.randint(0, static_cast<int64_t>(sequences_.size()) - 1);
      if (std::any_of(all.begin(), all.end(), [&](const auto& a) { return a.first == i; })) continue;
      const auto& one = sequences_[static_cast<size_t>(i)];
      const auto n = std::min(one.ids.numel(), tokens - used);
      if (n == one.ids.numel()) {
        all.emplace_back(i, one);
      } else {
        const auto ids = one.ids.slice(0, 0, n).cpu().contiguous();
        const auto* p = ids.const_data_ptr<int64_t>();
        all.emplace_back(i, text_batch({Sequence(p, p + n)}).to(one.ids.device()));
      }
      used += n;
    }
    return all;
  }

  /// The last hidden state of the model as it is.
  const Tensor& teacher(int64_t sequence) {
    auto& slot = teachers_[sequence];
    if (!slot.defined()) slot = model_.body(sequences_[static_cast<size_t>(sequence)]);
    return slot;
  }

  double fitness(const Levels& levels, const std::vector<std::pair<int64_t, Batch>>& batch) {
    if (how_.kl)
      for (const auto& b : batch) teacher(b.first);
    Borrowed borrowed;
    for (size_t i = 0; i < layers_.size(); ++i)
      borrowed.tensor(layers_[i]->weight) = at_level(i, levels[i]);
    double sum = 0, rows = 0;
    for (const auto& [i, one] : batch) {
      const auto n = static_cast<double>(one.ids.numel() - 1);
      if (n < 1) continue;
      const auto hidden = model_.body(one);
      sum += n * (how_.kl ? divergence(model_, teacher(i).narrow(0, 0, hidden.size(0)), hidden, one)
                          : sequence_loss(model_, hidden, one));
      rows += n;
    }
    const double mean = sum / std::max(rows, 1.0);
    return how_.kl ? mean : std::exp(mean);
  }

  std::vector<Levels> choose(const std::vector<Levels>& candidates, int64_t generation,
                             size_t stage) {
    const auto batch = minibatch(how_.tokens[stage]);
    LevelChoice choice{generation, static_cast<int64_t>(stage), how_.tokens[stage], {}, candidates,
                       {},         {}};
    for (const auto& b : batch) choice.sequences.push_back(b.first);
    for (const auto& c : candidates) choice.fitness.push_back(fitness(c, batch));
    std::vector<int64_t> order(candidates.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
      return choice.fitness[static_cast<size_t>(a)] < choice.fitness[static_cast<size_t>(b)];
    });
    order.resize(std::min<size_t>(order.size(), static_cast<size_t>(how_.survivors[stage])));
    choice.survivors = order;
    if (seen_) seen_(choice);
    std::vector<Levels> stay;
    for (const auto i : order) stay.push_back(candidates[static_cast<size_t>(i)]);
    return stay;
  }

  Model& model_;
  const std::vector<Layer*>& layers_;
  const LevelSearch& how_;
  const std::function<Tensor(size_t, int64_t)>& weight_;
  const std::function<void(const LevelChoice&)>& seen_;
  PythonRandom random_;
  std::vector<Batch> sequences_;
  int64_t all_tokens_ = 0;
  std::map<std::pair<size_t, int64_t>, Tensor> weights_;
  std::map<int64_t, Tensor> teachers_;
};

}  // namespace

Levels search_levels(Model& model, const Calibration& data, const std::vector<Layer*>& layers,
                     const LevelSearch& how,
                     const std::function<Tensor(size_t layer, int64_t level)>& weight,
                     const std::function<void(const LevelChoice&)>& seen) {
  at::NoGradGuard no_grad;
  return Search(model, data, layers, how, weight, seen).run();
}

}  // namespace bench
