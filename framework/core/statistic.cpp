#include "core/statistic.h"

#include <torch/csrc/autograd/autograd.h>

#include "core/lenses.h"
#include "tensor/rows.h"

namespace bench {
namespace {

/// Hands a layer's input to its listeners, sequence by sequence.
void feed(const std::vector<Statistic*>& listeners, const Tensor& x, const Batch& batch) {
  if (!batch.is_text()) {
    for (auto* s : listeners) s->on_input(x, batch.count());
    return;
  }
  for (int64_t i = 0; i < batch.segments(); ++i) {
    const auto begin = batch.starts[static_cast<size_t>(i)];
    const auto part = x.narrow(0, begin, batch.starts[static_cast<size_t>(i) + 1] - begin);
    for (auto* s : listeners) s->on_input(part, 1);
  }
}

/// Taps are off again however the scope ends.
struct Taps {
  explicit Taps(const Listeners& all) : all_(all) {}
  ~Taps() {
    for (const auto& [layer, list] : all_) layer->tap = nullptr;
  }
  void listen(const Batch& batch) {
    for (const auto& [layer, list] : all_)
      layer->tap = [&list = list, &batch](const Tensor& x) { feed(list, x, batch); };
  }
  const Listeners& all_;
};

/// Linear layers of the last block from the last one that is listened to on answer zeros: what they
/// would compute nobody reads.
void silence(const Probe& p, const Listeners& stats, Lenses& lenses) {
  const auto all = p.model.layers(p.scope.end - 1);
  for (auto l = all.rbegin(); l != all.rend(); ++l) {
    if (!(*l)->is_conv() && !(*l)->lens)
      lenses.hang(**l, [](const Layer& self, const Tensor& x) {
        return at::zeros({x.size(0), self.rows()}, x.options());
      });
    if (stats.contains(*l)) break;
  }
}

void forward(const Probe& p, const Listeners& stats) {
  at::NoGradGuard no_grad;
  Taps taps(stats);
  Lenses lenses;
  silence(p, stats, lenses);
  for (size_t b = 0; b < p.data.batches.size(); ++b) {
    const auto& batch = p.data.batches[b];
    taps.listen(batch);
    auto hidden = p.data.hidden[b];
    for (int64_t i = p.scope.begin; i < p.scope.end; ++i) hidden = p.model.block(i, hidden, batch);
  }
}

/// Tensors of a model that are leaves of the graph until the end of the scope.
struct Leaves {
  std::vector<Tensor*> places;
  std::vector<Tensor> leaves, stored;
  std::vector<std::function<void(const Tensor& g, double share)>> tell;
  ~Leaves() {
    for (size_t i = 0; i < places.size(); ++i) *places[i] = stored[i];
  }
  void add(Tensor& place, std::function<void(const Tensor&, double)> listener) {
    places.push_back(&place);
    stored.push_back(place);
    leaves.push_back(place.detach().requires_grad_());
    tell.push_back(std::move(listener));
    place = leaves.back();
  }
};

void add_followers(Leaves& all, const Group& group, const Listeners& stats) {
  const auto root = stats.find(group.slices.front().layer);
  if (root == stats.end()) return;
  std::vector<Statistic*> listening;
  for (auto* s : root->second)
    if (s->wants_followers()) listening.push_back(s);
  if (listening.empty()) return;
  for (const auto& f : group.followers)
    if (!f.name.empty() && f.values->defined())
      all.add(*f.values, [&f, listening](const Tensor& g, double share) {
        for (auto* s : listening) s->on_follower(f, g, share);
      });
}

/// Sequence by sequence, on one thread: the order of sums is then fixed.
void backward(const Probe& p, const Listeners& stats) {
  SingleThread alone;
  at::AutoGradMode grad(true);
  Leaves all;
  for (const auto& [layer, list] : stats)
    all.add(layer->weight, [&list = list](const Tensor& g, double share) {
      for (auto* s : list) s->on_gradient(g.flatten(1), share);
    });
  for (const Group* g : p.groups) add_followers(all, *g, stats);
  const auto sequences = split(p.data.batches);
  double total = 0;
  for (const auto& one : sequences) total += static_cast<double>(predictions(one));
  for (const auto& one : sequences) {
    const auto grads = torch::autograd::grad({loss(p.model, one)}, all.leaves);
    const double share = static_cast<double>(predictions(one)) / total;
    at::NoGradGuard no_grad;
    for (size_t i = 0; i < grads.size(); ++i) all.tell[i](grads[i], share);
  }
}

}  // namespace

const Pass kForwardPass{Pass::Local, forward};
const Pass kBackwardPass{Pass::Global, backward};

void Calibration::start(const Model& model) {
  at::NoGradGuard no_grad;
  hidden.clear();
  for (const auto& b : batches) hidden.push_back(model.stem(b));
}

void Calibration::advance(const Model& model, Scope scope) {
  at::NoGradGuard no_grad;
  for (size_t b = 0; b < batches.size(); ++b)
    for (int64_t i = scope.begin; i < scope.end; ++i)
      hidden[b] = model.block(i, hidden[b], batches[b]);
}

Statistic* Stats::add(const StatisticKind& kind, const Layer& layer) {
  auto& slot = all_[{layer.name, kind.key}];
  if (slot) return nullptr;
  slot = kind.make(layer);
  return slot.get();
}

const Statistic* Stats::find(const std::string& layer, const std::string& key) const {
  const auto it = all_.find({layer, key});
  if (it != all_.end()) return it->second.get();
  return behind_ ? behind_->find(layer, key) : nullptr;
}

Statistic::Values Stats::values(const std::string& layer) const {
  auto all = behind_ ? behind_->values(layer) : Statistic::Values();
  for (auto it = all_.lower_bound({layer, ""}); it != all_.end() && it->first.first == layer; ++it)
    for (auto& [name, value] : it->second->values())
      all.emplace_back(it->first.second + " " + name, value);
  return all;
}

Statistic::Notes Stats::notes(const std::string& layer) const {
  auto all = behind_ ? behind_->notes(layer) : Statistic::Notes();
  for (auto it = all_.lower_bound({layer, ""}); it != all_.end() && it->first.first == layer; ++it)
    all.merge(it->second->notes());
  return all;
}

std::shared_ptr<Stats> collect(const Probe& probe, const Needs& needs, Pass::Reach reach,
                               std::shared_ptr<const Stats> behind) {
  auto stats = std::make_shared<Stats>(std::move(behind));
  std::map<const Pass*, Listeners> by_pass;
  for (const auto& kind : needs) {
    if (kind.pass->reach != reach) continue;
    for (Layer* l : probe.layers)
      if (Statistic* s = stats->add(kind, *l)) by_pass[kind.pass][l].push_back(s);
  }
  for (const auto& [pass, listeners] : by_pass) pass->run(probe, listeners);
  return stats;
}

}  // namespace bench
