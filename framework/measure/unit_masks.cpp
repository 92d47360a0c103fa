#include "measure/unit_masks.h"

#include <torch/csrc/autograd/autograd.h>

#include <cmath>

#include "measure/unit_scales.h"

namespace bench {

Statistic::Values UnitMasks::values() const {
  Values all;
  for (const auto& [name, t] : Values{{"gradients", gradients},
                                      {"fisher", fisher},
                                      {"searched", searched},
                                      {"teacher", teacher},
                                      {"kept", kept},
                                      {"scale", scale}})
    if (t.defined()) all.emplace_back(name, t);
  return all;
}

Picked pick_units(const Tensor& first, double cost1, const Tensor& second, double cost2,
                  double budget) {
  const auto ranked = [](const Tensor& importance) {
    return importance.to(at::kDouble).sort(true, 0, true);
  };
  const auto [values1, order1] = ranked(first);
  const auto [values2, order2] = ranked(second);
  const auto sums1 = values1.cumsum(0).contiguous(), sums2 = values2.cumsum(0).contiguous();
  const auto sum_of = [](const Tensor& sums, int64_t count) {
    return count > 0 ? sums.const_data_ptr<double>()[count - 1] : 0;
  };
  double best = 0;
  int64_t of_first = 0, of_second = 0;
  const int64_t begin = first.numel() > 0 ? 1 : 0;
  for (int64_t n = begin; n <= first.numel(); ++n) {
    const double left = budget - cost1 * static_cast<double>(n);
    // The quotient is cut towards zero: a unit's part of a budget that is passed is none.
    const auto m = second.numel() > 0 ? std::min(static_cast<int64_t>(left / cost2), second.numel())
                                      : (left < 0 ? -1 : 0);
    if (m < 0) continue;
    const double sum = sum_of(sums1, n) + sum_of(sums2, m);
    if (sum > best) best = sum, of_first = n, of_second = m;
  }
  const auto mask = [](const Tensor& order, int64_t count) {
    return at::zeros({order.numel()}, at::kBool).index_fill(0, order.slice(0, 0, count), true);
  };
  return {mask(order1, of_first), mask(order2, of_second)};
}

Tensor rearranged(const Tensor& kept, const Tensor& gradients) {
  const auto units = kept.numel();
  const auto gone = units - kept.sum().item<int64_t>();
  if (gone == 0 || gone == units) return kept;
  const auto g = gradients.to(at::kDouble).t().contiguous();  // [units, mini-batches]
  const auto order = g.square().sum(1).argsort(true, 0, false);
  auto removed = order.slice(0, 0, gone);
  for (int64_t i = gone; i < units; ++i) {
    removed = at::cat({removed, order.slice(0, i, i + 1)});
    const auto rows = g.index_select(0, removed);
    const auto without = (rows.sum(0) - rows).square().sum(1);
    const auto back = without.argmin().item<int64_t>();
    removed = at::cat({removed.slice(0, 0, back), removed.slice(0, back + 1)});
  }
  return at::ones({units}, at::kBool).index_fill(0, removed, false);
}

namespace {

struct Member {
  const Group* group;
  UnitMasks* found;
  Layer* reader;  // of the units: what it reads is scaled by the mask
};

/// The layer that reads a group's units, all of its inputs and nothing else.
Layer* reader_of(const Group& g) {
  Layer* reader = nullptr;
  for (const auto& s : g.slices) {
    if (s.dim != Slice::In) continue;
    if (reader || s.unit >= 0 || s.begin != 0 || s.stretches != 1 || s.layer->is_conv() ||
        s.width * g.units != s.layer->columns())
      fail("{}: its units are not read by one linear layer alone, so they have no mask", g.name);
    reader = s.layer;
  }
  if (!reader) fail("{}: no layer reads its units, so they have no mask", g.name);
  return reader;
}

std::vector<Member> members_of(const Probe& p, Heard<UnitMasks> heard) {
  std::vector<Member> all;
  for (const Group* g : p.groups)
    for (const auto& [layer, found] : heard)
      if (layer == g->slices.front().layer) all.push_back({g, found, reader_of(*g)});
  if (all.empty()) fail("masks of heads and neurons need pattern.units: [head, neuron]");
  return all;
}

void measure_gradients(Model& model, const std::vector<Member>& members,
                       const std::vector<Batch>& data) {
  at::AutoGradMode grad(true);
  std::vector<std::vector<Tensor>> rows(members.size());
  for (const auto& batch : data) {
    Borrowed borrowed;
    std::vector<Tensor> masks;
    for (const auto& m : members) {
      masks.push_back(at::ones({m.group->units}, m.reader->weight.options().dtype(at::kFloat))
                          .requires_grad_());
      hang_mask(borrowed, *m.group, *m.reader, masks.back());
      borrowed.leaf(
          m.reader->weight);  // else a first MLP, all of whose inputs are plain, has no graph
    }
    const auto g = torch::autograd::grad({model.loss(batch)}, masks);
    for (size_t i = 0; i < g.size(); ++i) rows[i].push_back(g[i].detach().cpu());
  }
  for (size_t i = 0; i < members.size(); ++i) {
    auto& found = *members[i].found;
    found.gradients = at::stack(rows[i]);
    found.fisher = found.gradients.square().sum(0);
  }
}

/// Members of one kind and what a unit of them costs.
struct Kind {
  std::vector<const Member*> members;
  double cost = 0;
  Tensor importance() const {
    std::vector<Tensor> all;
    for (const auto* m : members) all.push_back(m->found->fisher);
    return all.empty() ? at::zeros({0}) : at::cat(all);
  }
  double whole() const {
    double units = 0;
    for (const auto* m : members) units += static_cast<double>(m->group->units);
    return units * cost;
  }
  void give(const Tensor& mask, Tensor UnitMasks::*where) const {
    int64_t at = 0;
    for (const auto* m : members) {
      m->found->*where = mask.narrow(0, at, m->group->units).clone();
      at += m->group->units;
    }
  }
};

/// MACs of one unit for a sequence of that length.
double macs(const Group& g, const Layer& reader, double length) {
  const double linear = static_cast<double>(g.weights_per_unit()) * length;
  if (g.kind != "head") return linear;
  return linear + 2 * length * length * static_cast<double>(reader.columns() / g.units);
}

Kind kind_of(const std::vector<Member>& members, bool heads, double length) {
  Kind k;
  for (const auto& m : members) {
    if ((m.group->kind == "head") != heads) continue;
    const double cost = macs(*m.group, *m.reader, length);
    if (!k.members.empty() && cost != k.cost)
      fail(
          "{}: its units do not cost what those of other blocks do; the search counts units of one "
          "cost each",
          m.group->name);
    k.cost = cost;
    k.members.push_back(&m);
  }
  return k;
}

void search(const Kind& heads, const Kind& neurons, double share, Tensor UnitMasks::*where) {
  const auto picked = pick_units(heads.importance(), heads.cost, neurons.importance(), neurons.cost,
                                 share * (heads.whole() + neurons.whole()));
  heads.give(picked.first, where);
  neurons.give(picked.second, where);
}

double mean_length(const std::vector<Batch>& data) {
  double rows = 0, sequences = 0;
  for (const auto& b : data) {
    if (!b.is_text()) continue;
    rows += static_cast<double>(b.ids.numel());
    sequences += static_cast<double>(b.count());
  }
  return sequences > 0 ? rows / sequences : 1;
}

void measure(const Probe& p, Heard<UnitMasks> heard) {
  const auto members = members_of(p, heard);
  const auto& how = *members.front().found;
  const auto data = mini_batches(p.data.batches, how.together);
  if (data.empty()) fail("masks of units need calibration data; there is none");
  measure_gradients(p.model, members, data);
  const double length = how.length > 0 ? static_cast<double>(how.length) : mean_length(data);
  const auto heads = kind_of(members, true, length), neurons = kind_of(members, false, length);
  const double share = 1 - p.target;
  search(heads, neurons, share, &UnitMasks::searched);
  search(heads, neurons, std::sqrt(share), &UnitMasks::teacher);
  for (const auto& m : members) m.found->kept = rearranged(m.found->searched, m.found->gradients);
  if (!how.scaled) return;
  std::vector<ScaledUnits> units;
  for (const auto& m : members)
    units.push_back({m.group, m.reader, m.found->teacher, m.found->kept, {}});
  solve_scales(p.model, data, units);
  for (size_t i = 0; i < members.size(); ++i) members[i].found->scale = units[i].scale;
}

const Pass kMasks = pass_of<UnitMasks>(Pass::Global, measure, Pass::One, /*aimed=*/true);

}  // namespace

const Pass& UnitMasks::pass() {
  return kMasks;
}

}  // namespace bench
