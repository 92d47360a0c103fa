#include "walk/pruner.h"

#include <limits>
#include <numeric>
#include <set>

#include "walk/budget.h"
#include "walk/certificate.h"

namespace bench {
namespace {

/// What competes for removal: a layer with a score per weight, or a group with a score per unit.
struct Candidate {
  Part part;
  Layer* layer = nullptr;  // unstructured, n:m
  Group group;             // structured
  int64_t block = 0;
};

/// One stop of the walk: which blocks run and which candidates are decided there.
struct Stop {
  Scope scope;
  std::vector<size_t> candidates;
  bool advance;  // the block is finished: hidden states move on
};

struct Walk {
  Model& model;
  const Method& how;
  Calibration& data;
  Shelf* shelf;
  std::vector<Candidate> candidates;
  std::vector<Share> shares;
  std::shared_ptr<const Stats> global;

  Scope whole() const { return {0, model.block_count()}; }
};

std::vector<Candidate> candidates_of(Model& model, const Pattern& pattern) {
  std::vector<Candidate> all;
  if (pattern.kind == Pattern::Structured) {
    for (auto& g : prunable_groups(model, pattern)) {
      const double each = static_cast<double>(g.weights_per_unit());
      const Part part{g.name, {g.units}, g.units, g.unit_width, each, g.kind, g.at_least};
      const auto block = g.block;
      all.push_back({part, nullptr, std::move(g), block});
    }
    return all;
  }
  for (int64_t b = 0; b < model.block_count(); ++b)
    for (Layer* l : model.layers(b))
      all.push_back({{l->name, l->weight.sizes().vec(), l->weight.numel(), 1, 1, "", 1}, l, {}, b});
  return all;
}

std::vector<Layer*> layers_of(const Candidate& c) {
  if (c.layer) return {c.layer};
  std::vector<Layer*> all;
  for (const auto& s : c.group.slices) all.push_back(s.layer);
  return all;
}

std::vector<Layer*> layers_of(const Walk& w, const std::vector<size_t>& which) {
  std::vector<Layer*> all;
  std::set<Layer*> seen;
  for (const auto i : which)
    for (Layer* l : layers_of(w.candidates[i]))
      if (seen.insert(l).second) all.push_back(l);
  return all;
}

Stop everything(const Walk& w) {
  std::vector<size_t> all(w.candidates.size());
  std::iota(all.begin(), all.end(), 0);
  return {w.whole(), all, false};
}

std::vector<Stop> stops(const Walk& w) {
  if (w.how.propagation == Propagation::Dense) return {everything(w)};
  std::vector<Stop> all;
  for (int64_t b = 0; b < w.model.block_count(); ++b) {
    std::vector<size_t> here;
    for (size_t i = 0; i < w.candidates.size(); ++i)
      if (w.candidates[i].block == b) here.push_back(i);
    if (w.how.propagation == Propagation::PerLinear && !here.empty())
      for (const auto i : here) all.push_back({{b, b + 1}, {i}, i == here.back()});
    else
      all.push_back({{b, b + 1}, here, true});
  }
  return all;
}

/// float32, where the layer is. What is gone stays gone: pruned weights rank below everything.
Tensor sunk(const Layer& layer, const Tensor& found, int64_t begin, int64_t end) {
  const auto score = found.to(layer.weight.device(), at::kFloat);
  if (!layer.mask.defined()) return score;
  return score.masked_fill(~layer.mask.slice(1, begin, end),
                           -std::numeric_limits<float>::infinity());
}

Tensor score_of(const Walk& w, const Candidate& c, const Stats& stats) {
  if (!c.layer) {
    const auto units = w.how.criterion->units(c.group, stats).to(at::kFloat);
    const auto gone = c.group.gone().to(units.device());
    return units.masked_fill(gone, -std::numeric_limits<float>::infinity());
  }
  const View all(*c.layer);
  return sunk(*c.layer, w.how.criterion->score(all, stats), 0, all.end);
}

std::vector<const Group*> groups_of(const Walk& w, const std::vector<size_t>& which) {
  std::vector<const Group*> all;
  for (const auto i : which)
    if (!w.candidates[i].layer) all.push_back(&w.candidates[i].group);
  return all;
}

std::string needs_key(const Needs& needs, const Probe& probe) {
  std::string key;
  for (const auto& n : needs) key += n.key + ";";
  for (const Layer* l : probe.layers) key += "\n" + l->name;
  for (const Group* g : probe.groups) key += "\n" + g->kind + " " + g->name;
  return key;
}

/// Statistics at a stop. Those of a still dense model are what trials share.
std::shared_ptr<const Stats> stats_at(Walk& w, const Stop& stop, const Needs& needs,
                                      Pass::Reach reach, bool dense) {
  const Probe probe{w.model, stop.scope, w.data, layers_of(w, stop.candidates),
                    groups_of(w, stop.candidates)};
  const auto make = [&]() -> std::shared_ptr<const Stats> {
    return collect(probe, needs, reach, reach == Pass::Local ? w.global : nullptr);
  };
  if (!w.shelf || !dense || needs.empty()) return make();
  const auto scope = fmt::format("{}|{}|{}|", reach == Pass::Local ? "local" : "global",
                                 stop.scope.begin, stop.scope.end);
  return w.shelf->stats(scope + needs_key(needs, probe), make);
}

void allocate_budget(Walk& w, const std::vector<Part>& parts, const std::vector<Tensor>& scores,
                     double target) {
  if (w.data.batches.empty())
    fail("pattern.budget={}: needs the size of an input, and there is no data",
         w.how.pattern.budget);
  std::vector<Group> groups;
  for (const auto& c : w.candidates) groups.push_back(c.group);
  w.shares = budget_shares(w.model, w.data.batches.front(), groups, parts, scores, *w.how.allocator,
                           w.how.pattern.budget, target);
}

void allocate(Walk& w, double target) {
  std::vector<Part> parts;
  std::vector<Tensor> scores;
  for (const auto& c : w.candidates) parts.push_back(c.part);
  if (w.how.allocator->wants_scores()) {
    const Stop all = everything(w);
    const auto stats = stats_at(w, all, w.how.criterion->needs(), Pass::Local, true);
    for (const auto& c : w.candidates) scores.push_back(score_of(w, c, *stats));
  }
  if (w.how.pattern.kind == Pattern::Structured && w.how.pattern.budget != "weights")
    return allocate_budget(w, parts, scores, target);
  for (size_t i = 0; i < scores.size(); ++i) w.how.allocator->observe(parts[i], scores[i]);
  w.shares = w.how.allocator->shares(parts, target);
  require(w.shares.size() == parts.size(), "an allocator answers for every part");
}

Tensor choose(const Method& how, const Tensor& score, Share share) {
  const auto& p = how.pattern;
  if (p.kind == Pattern::NM)
    return p.reference_ties ? select_nm_reference(score, p.keep, p.of)
                            : select_nm(score, p.keep, p.of);
  const auto contest = p.contest == Contest::Method ? how.criterion->contest() : p.contest;
  if (p.reference_ties && share.count < 0)
    return how.criterion->reference_mask(score, contest, share.ratio);
  return select(score, contest, share.ratio, share.count);
}

void prune_layer(Walk& w, const Candidate& c, Share share, const Stats& stats) {
  auto mask = choose(w.how, score_of(w, c, stats), share);
  if (c.layer->mask.defined()) mask = mask & c.layer->mask;
  certify_layer(*c.layer, mask, w.how.pattern, false, "prune");
  if (w.how.update) {
    const double ratio = share.count >= 0 ? double(share.count) / double(c.part.size) : share.ratio;
    const Reselect reselect = [&](const Tensor& weight, int64_t begin, int64_t end) {
      const auto score = w.how.criterion->score(View(*c.layer, weight, begin, end), stats);
      const auto here = sunk(*c.layer, score, begin, end);
      if (w.how.pattern.kind == Pattern::NM) return choose(w.how, here, share);
      if (w.how.pattern.reference_ties)
        return w.how.criterion->reference_mask(here, Contest::Layer, ratio);
      return select(here, Contest::Layer, ratio);
    };
    w.how.update->apply(*c.layer, mask, w.how.pattern, reselect, stats);
    certify_layer(*c.layer, mask, w.how.pattern, true, "update");
  }
  c.layer->set_mask(mask);
}

Removed prune_group(Walk& w, const Candidate& c, Share share, const Stats& stats) {
  const auto& g = c.group;
  const auto score = score_of(w, c, stats);
  const auto keep = share.count < 0 && w.how.pattern.reference_ties
                        ? w.how.criterion->reference_units(g, score, share.ratio)
                        : select_units(score, units_of(c.part, share));
  return {g, keep & ~g.gone().to(keep.device())};
}

void apply(Walk& w, const Removed& removed, const Stats& stats) {
  const auto masks = removed.group.layer_masks(removed.keep);
  for (size_t i = 0; i < masks.size(); ++i) {
    Layer& layer = *removed.group.slices[i].layer;
    auto mask = masks[i];
    if (w.how.update) {
      w.how.update->apply(
          layer, mask, w.how.pattern,
          [&](const Tensor&, int64_t begin, int64_t end) { return masks[i].slice(1, begin, end); },
          stats);
      certify_layer(layer, mask, w.how.pattern, true, "update");
    }
    layer.set_mask(mask);  // a layer may sit in several groups: masks are AND-ed
  }
  mask_followers(removed.group, removed.keep);
}

void decide(Walk& w, const Stop& stop, const Stats& stats, std::vector<Removed>& removed) {
  if (w.how.pattern.kind != Pattern::Structured) {
    for (const auto i : stop.candidates) prune_layer(w, w.candidates[i], w.shares[i], stats);
    return;
  }
  // All scores first: masks of one group must not change another's score.
  std::vector<Removed> here;
  for (const auto i : stop.candidates)
    here.push_back(prune_group(w, w.candidates[i], w.shares[i], stats));
  for (auto& r : here) {
    apply(w, r, stats);
    removed.push_back(std::move(r));
  }
}

/// Another handle is another weight, since none is changed in place.
std::vector<const void*> handles(Model& model) {
  std::vector<const void*> all;
  for (const Layer* l : model.layers()) all.push_back(l->weight.unsafeGetTensorImpl());
  return all;
}

bool is_dense(Model& model) {
  for (const Layer* l : model.layers())
    if (l->mask.defined()) return false;
  return true;
}

}  // namespace

std::vector<Layer*> prunable(Model& model, const Pattern& pattern) {
  std::vector<Layer*> all;
  std::set<Layer*> seen;
  for (const auto& c : candidates_of(model, pattern))
    for (Layer* l : layers_of(c))
      if (seen.insert(l).second) all.push_back(l);
  return all;
}

std::vector<Removed> prune(Model& model, const Method& how, double target, Calibration& data,
                           Shelf* shelf, const std::function<void(int64_t, int64_t)>& progress,
                           const Onlooker& onlooker) {
  at::NoGradGuard no_grad;
  const auto as_found = handles(model);
  how.criterion->prepare(model, data, how.pattern, target);
  Walk w{model, how, data, shelf, candidates_of(model, how.pattern), {}, nullptr};
  if (how.propagation != Propagation::Dense)
    for (const auto& c : w.candidates)
      if (!c.layer && c.group.block != c.group.last)
        fail("{}: spans blocks {} to {}; such groups need propagation=dense", c.group.name,
             c.group.block, c.group.last);
  const bool was_dense = is_dense(model) && as_found == handles(model);
  const auto needs = how.needs();
  const Stop all = everything(w);
  if (!needs.empty() || how.allocator->wants_scores()) data.start(model);
  w.global = stats_at(w, all, needs, Pass::Global, was_dense);
  allocate(w, target);
  std::vector<Removed> removed;
  const auto walk = stops(w);
  for (int64_t done = 0; const auto& stop : walk) {
    const bool dense = was_dense && removed.empty() && done == 0;
    const auto stats = stats_at(w, stop, needs, Pass::Local, dense);
    const auto layers = layers_of(w, stop.candidates);
    if (onlooker.measured)
      for (const Layer* l : layers) onlooker.measured(*l, *stats);
    decide(w, stop, *stats, removed);
    if (onlooker.pruned)
      for (const Layer* l : layers) onlooker.pruned(*l);
    ++done;
    if (stop.advance && &stop != &walk.back() && !needs.empty()) data.advance(model, stop.scope);
    if (progress) progress(done, static_cast<int64_t>(walk.size()));
  }
  return removed;
}

}  // namespace bench
