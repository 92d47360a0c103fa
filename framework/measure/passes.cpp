#include "measure/passes.h"

#include <torch/csrc/autograd/autograd.h>

#include <algorithm>

#include "core/borrowed.h"
#include "tensor/rows.h"

namespace bench {
namespace {

struct Listener {
  Layer* layer;
  std::vector<Statistic*> statistics;
};

/// Layer by layer, in the order in which they are heard.
std::vector<Listener> by_layer(Heard<Statistic> heard) {
  std::vector<Listener> all;
  std::map<Layer*, size_t> at;
  for (const auto& [layer, s] : heard) {
    const auto [it, first] = at.emplace(layer, all.size());
    if (first) all.push_back({layer, {}});
    all[it->second].statistics.push_back(s);
  }
  return all;
}

/// Where the rows of each sequence begin among `which`, the ascending rows of the batch that a
/// layer was given, and where they end.
std::vector<int64_t> starts_among(const Tensor& which, const Batch& batch) {
  const auto rows = which.cpu().contiguous();
  const auto* first = rows.const_data_ptr<int64_t>();
  std::vector<int64_t> starts;
  for (const auto start : batch.starts)
    starts.push_back(std::lower_bound(first, first + rows.numel(), start) - first);
  return starts;
}

/// Hands a layer's input to its listeners, sequence by sequence. which: as Layer::tap; a sequence
/// none of whose rows came is passed over.
void feed(const std::vector<Statistic*>& listeners, const Tensor& x, const Tensor& which,
          const Batch& batch) {
  if (!batch.is_text()) {
    for (auto* s : listeners) s->on_input(x, batch.count());
    return;
  }
  const auto starts = which.defined() ? starts_among(which, batch) : batch.starts;
  for (int64_t i = 0; i < batch.segments(); ++i) {
    const auto begin = starts[static_cast<size_t>(i)];
    const auto part = x.narrow(0, begin, starts[static_cast<size_t>(i) + 1] - begin);
    if (which.defined() && part.size(0) == 0) continue;
    for (auto* s : listeners) s->on_input(part, 1);
  }
}

/// Linear layers of the last block from the last one that is listened to on answer zeros: what they
/// would compute nobody reads.
void silence(const Probe& p, const std::vector<Listener>& all, Borrowed& borrowed) {
  std::set<const Layer*> heard;
  for (const auto& l : all) heard.insert(l.layer);
  const auto last = p.model.layers(p.scope.end - 1);
  for (auto l = last.rbegin(); l != last.rend(); ++l) {
    if (!(*l)->is_conv() && !(*l)->lens)
      borrowed.lens(**l, [](const Layer& self, const Tensor& x) {
        return at::zeros({x.size(0), self.rows()}, x.options());
      });
    if (heard.contains(*l)) break;
  }
}

void forward(const Probe& p, Heard<Statistic> heard) {
  at::NoGradGuard no_grad;
  const auto all = by_layer(heard);
  const Batch* batch = nullptr;
  Borrowed borrowed;
  silence(p, all, borrowed);
  for (const auto& l : all)
    borrowed.tap(*l.layer, [&l, &batch](const Tensor& x, const Tensor& which) {
      feed(l.statistics, x, which, *batch);
    });
  for (size_t b = 0; b < p.data.batches.size(); ++b) {
    batch = &p.data.batches[b];
    auto hidden = p.data.hidden[b];
    for (int64_t i = p.scope.begin; i < p.scope.end; ++i) hidden = p.model.block(i, hidden, *batch);
  }
}

using Tell = std::function<void(const Tensor& g, double share)>;

/// The followers of a group that its root layer's statistics want to hear of.
void add_followers(const Group& group, const std::vector<Listener>& all, Borrowed& borrowed,
                   std::vector<Tensor>& leaves, std::vector<Tell>& tell) {
  const auto root = std::find_if(all.begin(), all.end(), [&](const Listener& l) {
    return l.layer == group.slices.front().layer;
  });
  if (root == all.end()) return;
  std::vector<Statistic*> listening;
  for (auto* s : root->statistics)
    if (s->wants_followers()) listening.push_back(s);
  if (listening.empty()) return;
  for (const auto& f : group.followers) {
    if (f.name.empty() || !f.values->defined()) continue;
    leaves.push_back(borrowed.leaf(*f.values));
    tell.emplace_back([&f, listening](const Tensor& g, double share) {
      for (auto* s : listening) s->on_follower(f, g, share);
    });
  }
}

/// Sequence by sequence.
void backward(const Probe& p, Heard<Statistic> heard) {
  at::AutoGradMode grad(true);
  const auto all = by_layer(heard);
  Borrowed borrowed;
  std::vector<Tensor> leaves;
  std::vector<Tell> tell;
  for (const auto& l : all) {
    leaves.push_back(borrowed.leaf(l.layer->weight));
    tell.emplace_back([&l](const Tensor& g, double share) {
      for (auto* s : l.statistics) s->on_gradient(g.flatten(1), share);
    });
  }
  for (const Group* g : p.groups) add_followers(*g, all, borrowed, leaves, tell);
  const auto sequences = split(p.data.batches);
  double total = 0;
  for (const auto& one : sequences) total += static_cast<double>(predictions(one));
  for (const auto& one : sequences) {
    const auto grads = torch::autograd::grad({p.model.loss(one)}, leaves);
    const double share = static_cast<double>(predictions(one)) / total;
    at::NoGradGuard no_grad;
    for (size_t i = 0; i < grads.size(); ++i) tell[i](grads[i], share);
  }
}

}  // namespace

const Pass kForwardPass{Pass::Local, Pass::All, false, /*events=*/true, forward};
const Pass kBackwardPass{Pass::Global, Pass::One, false, /*events=*/true, backward};

std::shared_ptr<Stats> collect(const Probe& probe, const Needs& needs, Pass::Reach reach,
                               std::shared_ptr<const Stats> behind) {
  auto stats = std::make_shared<Stats>(std::move(behind));
  // What runs together: all kinds of a pass that fires events, else one kind.
  std::vector<std::pair<std::string, const Pass*>> order;
  std::map<std::pair<std::string, const Pass*>, std::vector<std::pair<Layer*, Statistic*>>> heard;
  for (const auto& kind : needs) {
    if (kind.pass->reach != reach) continue;
    const std::pair key{kind.pass->events ? "" : kind.key, kind.pass};
    for (Layer* l : probe.layers) {
      if (stats->find(l->name, kind.key)) continue;  // asked for before, or known behind
      if (Statistic* s = stats->add(kind, *l)) {
        if (!heard.contains(key)) order.push_back(key);
        heard[key].emplace_back(l, s);
      }
    }
  }
  for (const auto& key : order) {
    std::optional<SingleThread> alone;
    if (key.second->threads == Pass::One) alone.emplace();
    key.second->run(probe, heard.at(key));
  }
  return stats;
}

}  // namespace bench
