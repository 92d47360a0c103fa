// Bonsai (Dery et al. 2024, arXiv 2402.05406): the loss with random units switched off, regressed
// on which ones were; forward passes alone. Rounds of a few percent: only the units with the
// smallest activations are tried, each mask beside its complement, and those whose absence costs
// least go (Bonsai/main.py:28-105, 137-196, 500-530).
#include <cmath>
#include <numeric>

#include "core/borrowed.h"
#include "core/criterion.h"
#include "kernels/philox.h"
#include "measure/sequence_loss.h"
#include "measure/statistics.h"

namespace bench {
namespace {

struct Settings {
  int64_t masks, seed;
  double share, ridge;
};

/// A group under search: what is gone so far, and the units that this round may try.
struct Tried {
  Group group;
  Layer* reader = nullptr;  // its input channels are the units'
  int64_t stretches = 1, width = 1;
  std::vector<bool> gone;
  std::vector<int64_t> candidates;  // the smallest activations first
  std::vector<double> weights;      // of a candidate in the draw: largest activation minus its own
  int64_t remove = 0;               // this round
  Tensor score;                     // [units], final
};

class Search {
 public:
  Search(const Probe& p, const Settings& how)
      : model_(p.model), data_(p.data), sequences_(split(p.data.batches)), how_(how) {
    for (const Group* g : p.groups) add(*g);
    for (auto& t : all_) borrowed_.gate(*t.reader, {});
  }

  std::map<std::string, Tensor> run(double target) {
    const auto rounds = static_cast<int64_t>(std::ceil(target / how_.share - 1e-9));
    for (int64_t r = 1; r <= rounds; ++r)
      one_round(r, std::min(target, how_.share * static_cast<double>(r)));
    plan(rounds + 1, target);  // what stays is ranked by its activations
    std::map<std::string, Tensor> scores;
    for (auto& t : all_) scores[t.group.name] = t.score;
    return scores;
  }

 private:
  void add(Group g) {
    Tried t;
    for (const auto& s : g.slices)
      if (s.dim == Slice::In) t.reader = s.layer, t.stretches = s.stretches, t.width = s.width;
    t.gone.assign(static_cast<size_t>(g.units), false);
    t.score = at::zeros({g.units}, at::kDouble);
    t.group = std::move(g);
    all_.push_back(std::move(t));
  }

  void gate(Tried& t, const std::vector<bool>& off) const {
    auto open = at::ones({t.group.units}, at::kFloat);
    for (size_t u = 0; u < off.size(); ++u)
      if (off[u]) open[static_cast<int64_t>(u)] = 0;
    t.reader->gate =
        open.repeat_interleave(t.width).repeat(t.stretches).to(t.reader->weight.device());
  }

  /// Mean absolute input of each unit, with what is gone switched off.
  void plan(int64_t round, double target) {
    std::vector<Layer*> readers;
    for (auto& t : all_) gate(t, t.gone), readers.push_back(t.reader);
    data_.start(model_);
    const auto stats = collect({model_, {0, model_.block_count()}, data_, readers},
                               {need<InputMoments>()}, Pass::Local);
    for (auto& t : all_) {
      const auto mean = stats->get<InputMoments>(*t.reader)
                            .abs_sum.cpu()
                            .reshape({t.stretches, t.group.units, t.width})
                            .mean(2)
                            .mean(0);
      const auto* a = mean.const_data_ptr<double>();
      std::vector<int64_t> alive;
      for (int64_t u = 0; u < t.group.units; ++u)
        if (!t.gone[static_cast<size_t>(u)]) alive.push_back(u);
      std::stable_sort(alive.begin(), alive.end(), [&](auto i, auto j) { return a[i] < a[j]; });
      for (size_t i = 0; i < alive.size(); ++i)
        t.score[alive[i]] =
            static_cast<double>(round) + double(i) / static_cast<double>(alive.size());
      const auto& g = t.group;
      const auto so_far = g.units - static_cast<int64_t>(alive.size());
      t.remove = removed_units(g.units, g.unit_width, target, g.at_least) - so_far;
      alive.resize(std::min(alive.size(), static_cast<size_t>(2 * t.remove)));
      t.weights.clear();
      for (const auto u : alive) t.weights.push_back(mean.max().item<double>() - a[u] + 1e-12);
      t.candidates = std::move(alive);
    }
  }

  void one_round(int64_t round, double target) {
    plan(round, target);
    int64_t columns = 0;
    for (const auto& t : all_) columns += static_cast<int64_t>(t.candidates.size());
    if (columns == 0) return;
    auto off = at::zeros({2 * ((how_.masks + 1) / 2), columns}, at::kDouble);
    auto losses = at::zeros({off.size(0)}, at::kDouble);
    for (int64_t pair = 0; pair < off.size(0); pair += 2) {
      draw(off[pair], round, pair);
      for (int64_t i : {pair, pair + 1}) {
        if (i > pair) off[i].copy_(1 - off[pair]);
        losses[i] = loss_without(off[i]);
      }
    }
    take_out(costs(off, losses), round);
  }

  /// A mask: in each group `remove` candidates by weighted sampling without replacement.
  void draw(Tensor row, int64_t round, int64_t pair) const {
    int64_t begin = 0;
    for (const auto& t : all_) {
      const auto n = static_cast<int64_t>(t.candidates.size());
      const auto name = fmt::format("{}|{}|{}", t.group.name, round, pair);
      std::vector<double> u(static_cast<size_t>(n));
      kernels::fill_uniform({static_cast<uint64_t>(how_.seed), kernels::fnv1a(name),
                             kernels::Purpose::RandomCriterion},
                            0, n, u.data());
      std::vector<int64_t> order(static_cast<size_t>(n));
      std::iota(order.begin(), order.end(), 0);
      const auto key = [&](int64_t i) {  // the largest u^(1/w) are drawn (Efraimidis, Spirakis)
        const auto at = static_cast<size_t>(i);
        return std::log(std::max(u[at], 1e-300)) / t.weights[at];
      };
      std::stable_sort(order.begin(), order.end(), [&](auto i, auto j) { return key(i) > key(j); });
      for (int64_t i = 0; i < std::min(t.remove, n); ++i)
        row[begin + order[static_cast<size_t>(i)]] = 1;
      begin += n;
    }
  }

  double loss_without(const Tensor& row) {
    int64_t at = 0;
    for (auto& t : all_) {
      auto off = t.gone;
      for (const auto u : t.candidates)
        if (row[at++].item<double>() > 0) off[static_cast<size_t>(u)] = true;
      gate(t, off);
    }
    double sum = 0;
    size_t sequence = 0;
    for (const auto& batch : data_.batches) {
      auto h = model_.stem(batch);
      for (int64_t b = 0; b < model_.block_count(); ++b) h = model_.block(b, h, batch);
      for (int64_t s = 0; s < batch.segments(); ++s) {
        const auto& one = sequences_[sequence++];
        const auto begin = batch.starts[static_cast<size_t>(s)];
        sum += sequence_loss(model_, h.narrow(0, begin, one.ids.size(0)), one);
      }
    }
    return sum / static_cast<double>(sequences_.size());
  }

  /// Ridge regression of the losses on what was off, in its dual form: fewer masks than units.
  Tensor costs(const Tensor& off, const Tensor& losses) const {
    SingleThread alone;
    const auto x = off - off.mean(0, true), y = losses - losses.mean();
    auto kernel = x.mm(x.t());
    kernel.diagonal().add_(how_.ridge * kernel.diagonal().mean() + 1e-12);
    return x.t().mv(at::linalg_solve(kernel, y));
  }

  void take_out(const Tensor& cost, int64_t round) {
    int64_t begin = 0;
    for (auto& t : all_) {
      const auto n = static_cast<int64_t>(t.candidates.size());
      const auto mine = cost.slice(0, begin, begin + n);
      const auto order = std::get<1>(at::sort(mine, true, 0, false));
      for (int64_t i = 0; i < std::min(t.remove, n); ++i) {
        const auto u = t.candidates[static_cast<size_t>(order[i].item<int64_t>())];
        t.gone[static_cast<size_t>(u)] = true;
        t.score[u] = static_cast<double>(round - 1) + double(i) / static_cast<double>(n);
      }
      begin += n;
    }
  }

  Model& model_;
  Calibration data_;  // handles of its own: hidden states begin anew in every round
  std::vector<Batch> sequences_;
  Settings how_;
  std::vector<Tried> all_;
  Borrowed borrowed_;
};

/// Scores of all units, by the names of their groups: the same map for every layer.
struct UnitSearch : Statistic {
  static constexpr const char* kName = "bonsai";
  static const Pass& pass();
  UnitSearch(const Layer&, int64_t masks, int64_t seed, double share, double ridge)
      : how{masks, seed, share, ridge} {}
  Values values() const override {
    Values all;
    for (const auto& [name, score] : scores) all.emplace_back(name, score);
    return all;
  }
  Settings how;
  std::map<std::string, Tensor> scores;  // float64 [units]
};

void search(const Probe& p, Heard<UnitSearch> heard) {
  at::NoGradGuard no_grad;
  const auto scores = Search(p, heard.front().second->how).run(p.target);
  for (const auto& [layer, s] : heard) s->scores = scores;
}

const Pass kSearch = pass_of<UnitSearch>(Pass::Global, search, Pass::All, /*aimed=*/true);
const Pass& UnitSearch::pass() {
  return kSearch;
}

class Bonsai : public Criterion {
 public:
  static Schema schema() {
    return {
        key("masks", 16, "masks a round, each beside its complement; the paper takes 200")
            .range(2, 100000),
        key("share", 0.05, "share of the units that goes in a round").range(0.001, 1),
        key("ridge", 0.01, "of the regression, relative to the masks' own products").at_least(0),
        key("seed", 42, "base seed of the stream that draws masks").at_least(0)};
  }
  explicit Bonsai(const Config& c)
      : how_{c.get<int64_t>("masks"), c.get<int64_t>("seed"), c.get<double>("share"),
             c.get<double>("ridge")} {}

  Ranks accepts() const override {
    return {{.weights = false, .nm = false, .units = {"head", "neuron"}, .input = Input::Text}};
  }
  Needs needs() const override { return {kind()}; }
  Tensor units(const Group& group, const Stats& stats) const override {
    return stats.get<UnitSearch>(*group.slices.front().layer, kind()).scores.at(group.name);
  }

 private:
  StatisticKind kind() const {
    return need<UnitSearch>(how_.masks, how_.seed, how_.share, how_.ridge);
  }
  Settings how_;
};

BENCH_REGISTER(Criterion, Bonsai, "bonsai",
               .doc = "the loss with random units off, regressed on them",
               .source = "Dery et al. 2024, arXiv 2402.05406", .year = 2024,
               .data = About::Data::Unlabelled, .how = About::How::Searched);

}  // namespace
}  // namespace bench
