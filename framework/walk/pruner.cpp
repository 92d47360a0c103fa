#include "walk/pruner.h"

#include <limits>
#include <numeric>
#include <optional>
#include <set>

#include "core/residency.h"
#include "measure/passes.h"
#include "walk/budget.h"
#include "walk/candidates.h"
#include "walk/certificate.h"
#include "walk/walk.h"

namespace bench {
namespace {

constexpr float kGone = -std::numeric_limits<float>::infinity();

class Pruning : public Scores {
 public:
  Pruning(Model& model, const Method& how, double target, Calibration& data, Shelf* shelf)
      : model_(model),
        how_(how),
        target_(target),
        data_(data),
        shelf_(shelf),
        needs_(how.needs()),
        contest_(how.contest()),
        freed_(how.leaves_pattern()),
        selection_(how.selection()),
        all_(candidates(model, how.pattern)),
        parts_(parts_of(all_)) {
    if (target > 0 || how.pattern.kind == Pattern::NM) check_whole(all_);
    if (how_.propagation == Propagation::Dense) return;
    for (const auto& c : all_)
      if (!c.layer && c.group.block != c.group.last)
        fail("{}: spans blocks {} to {}; such groups need propagation=dense", c.group.name,
             c.group.block, c.group.last);
  }

  std::vector<Removed> run(const std::function<void(int64_t, int64_t)>& progress,
                           const Onlooker& onlooker) {
    if (how_.measures() || how_.allocator->wants_scores()) data_.start(model_);
    global_ = stats_at(everything(), needs_, Pass::Global, nullptr);
    allocate();
    std::vector<int64_t> blocks;
    for (const auto& c : all_) blocks.push_back(c.block);
    Calibration none;
    walk(
        model_, needs_.empty() && !how_.of_blocks() ? none : data_,
        stops(model_.block_count(), how_.propagation, blocks),
        [&](const Stop& stop) { visit(stop, onlooker); }, progress);
    return std::move(removed_);
  }

  Tensor of(size_t part) const override { return score_of(all_[part], *stats_); }

 private:
  Stop everything() const {
    std::vector<size_t> all(all_.size());
    std::iota(all.begin(), all.end(), 0);
    return {{0, model_.block_count()}, all, false};
  }

  Probe probe_at(const Stop& stop) const {
    Probe p{model_, stop.scope, data_, {}, {}, &how_.pattern, target_};
    std::set<Layer*> seen;
    for (const auto i : stop.items) {
      for (Layer* l : all_[i].layers())
        if (seen.insert(l).second) p.layers.push_back(l);
      if (!all_[i].layer) p.groups.push_back(&all_[i].group);
    }
    return p;
  }

  /// What else statistics depend on, beside the weights, the data and the device.
  std::string key_of(const Probe& p, const Needs& needs, Pass::Reach reach) const {
    auto key = fmt::format("{}|{}|{}|", reach == Pass::Local ? "local" : "global", p.scope.begin,
                           p.scope.end);
    for (const auto& n : needs) {
      key += n.key + ";";
      if (n.pass->aimed) key += fmt::format("{:a} {};", target_, how_.pattern.label());
    }
    for (const Layer* l : p.layers) key += "\n" + l->name;
    for (const Group* g : p.groups) key += "\n" + g->kind + " " + g->name;
    return key;
  }

  /// Statistics of the model as it stands.
  std::shared_ptr<const Stats> stats_at(const Stop& stop, const Needs& needs, Pass::Reach reach,
                                        std::shared_ptr<const Stats> behind) {
    const auto probe = probe_at(stop);
    const auto make = [&]() -> std::shared_ptr<const Stats> {
      return collect(probe, needs, reach, behind);
    };
    if (!shelf_ || needs.empty()) return make();
    return shelf_->stats(key_of(probe, needs, reach), model_, make);
  }

  void allocate() {
    const auto& allocator = *how_.allocator;
    const bool scored = allocator.wants_scores();
    auto needs = allocator.needs();
    const auto everywhere = everything();
    const auto global = stats_at(everywhere, needs, Pass::Global, global_);
    if (scored)
      for (auto& n : how_.criterion->needs()) needs.push_back(std::move(n));
    stats_ = stats_at(everywhere, needs, Pass::Local, global);
    const auto probe = probe_at(everywhere);
    const Split split{parts_, *this, *stats_, target_, &probe, [&](size_t i, Share share) {
                        const auto score = of(i);
                        return all_[i].layer ? choose(score, share)
                                             : selection_->units(all_[i].group, score, share);
                      }};
    const auto& pattern = how_.pattern;
    if (pattern.kind == Pattern::Structured && pattern.budget != "weights")
      shares_ = within_budget(split);
    else
      shares_ = allocator.shares(split);
    stats_.reset();
    require(shares_.size() == parts_.size(), "an allocator answers for every part");
  }

  std::vector<Share> within_budget(const Split& split) const {
    if (data_.batches.empty())
      fail("pattern.budget={}: needs the size of an input, and there is no data",
           how_.pattern.budget);
    return budget_shares(model_, data_.batches.front(), split, *how_.allocator,
                         how_.pattern.budget);
  }

  void visit(const Stop& stop, const Onlooker& onlooker) {
    if (how_.of_blocks() && stop.scope.begin != begun_) {
      begun_ = stop.scope.begin;
      before_.emplace(model_);
    }
    const auto stats = stats_at(stop, needs_, Pass::Local, global_);
    const auto layers = probe_at(stop).layers;
    if (onlooker.measured)
      for (const Layer* l : layers) onlooker.measured(*l, *stats);
    if (how_.pattern.kind == Pattern::Structured)
      prune_groups(stop, *stats);
    else
      for (const auto i : stop.items) prune_layer(i, *stats);
    if (stop.finished) reconstruct(stop, *stats);
    if (onlooker.pruned)
      for (const Layer* l : layers) onlooker.pruned(*l);
  }

  /// The repairs of whole blocks, when all their layers are decided.
  void reconstruct(const Stop& stop, const Stats& stats) {
    Stop whole = stop;
    whole.items.clear();
    for (size_t i = 0; i < all_.size(); ++i)
      if (all_[i].block >= stop.scope.begin && all_[i].block < stop.scope.end)
        whole.items.push_back(i);
    if (whole.items.empty()) return;
    for (const auto& u : how_.updates) {
      if (!u->of_blocks()) continue;
      Blocks here{model_, stop.scope, data_, *before_, {}};
      for (const auto i : whole.items)
        if (all_[i].layer) here.sites.push_back(site_of(i, stats, all_[i].layer->mask, nullptr));
      u->reconstruct(here);
      for (const auto i : whole.items)
        for (const Layer* l : all_[i].layers()) certify_layer(*l, l->mask, held(), true, u.name);
    }
  }

  /// float32, where the layer is. What is gone stays gone: pruned weights rank below everything.
  static Tensor sunk(const Layer& layer, const Tensor& found, int64_t begin, int64_t end) {
    const auto score = found.to(layer.weight.device(), at::kFloat);
    if (!layer.mask.defined()) return score;
    return score.masked_fill(~layer.mask.slice(1, begin, end), kGone);
  }

  Tensor score_of(const Candidate& c, const Stats& stats) const {
    const auto& criterion = *how_.criterion;
    if (!c.layer) {
      const auto units = criterion.units(c.group, stats).to(at::kFloat);
      return units.masked_fill(c.group.gone().to(units.device()), kGone);
    }
    const View all(*c.layer);
    return sunk(*c.layer, criterion.score(all, stats), 0, all.end);
  }

  Tensor choose(const Tensor& score, Share share) const {
    const auto& p = how_.pattern;
    return p.kind == Pattern::NM ? selection_->nm(score, p.keep, p.of)
                                 : selection_->mask(score, contest_, share);
  }

  /// A layer of single weights as an update sees it. floors: how many contests it chose anew.
  Site site_of(size_t i, const Stats& stats, const Tensor& mask, int64_t* floors) const {
    Layer& layer = *all_[i].layer;
    const auto rescore = [this, &layer, &stats](const Tensor& weight, int64_t begin, int64_t end) {
      return sunk(layer, how_.criterion->score(View(layer, weight, begin, end), stats), begin, end);
    };
    const auto reselect = [this, i, rescore, floors](const Tensor& weight, int64_t begin,
                                                     int64_t end, double ratio) {
      const Share share = shares_[i];
      const double part =
          share.count >= 0 ? double(share.count) / double(parts_[i].size) : share.ratio;
      if (floors) *floors += contest_ == Contest::Row ? weight.size(0) : 1;
      return choose(rescore(weight, begin, end), {ratio >= 0 ? ratio : part, -1});
    };
    return {layer, mask, parts_[i], how_.pattern, contest_, shares_[i], stats, reselect, rescore};
  }

  void prune_layer(size_t i, const Stats& stats) {
    Layer& layer = *all_[i].layer;
    const Share share = shares_[i];
    auto mask = choose(score_of(all_[i], stats), share);
    if (layer.mask.defined()) mask = mask & layer.mask;
    certify_layer(layer, mask, held(), false, "prune");
    int64_t floors = 0;  // counts that an update had rounded down
    auto site = site_of(i, stats, mask, &floors);
    const auto dense = layer.weight;
    repair(site, &floors);
    layer.set_mask(site.mask);
    settle(model_, layer);
    rest(dense);
  }

  /// What masks are held against.
  const Pattern& held() const {
    static const Pattern kAny;
    return freed_ ? kAny : how_.pattern;
  }

  /// Each update in turn; what it leaves is checked: pattern, support and count.
  void repair(Site& site, const int64_t* floors) {
    for (const auto& u : how_.updates) {
      const auto kept = site.mask.sum().item<int64_t>();
      u->apply(site);
      certify_layer(site.layer, site.mask, held(), true, u.name);
      const auto now = site.mask.sum().item<int64_t>();
      // Counts of parts are rounded down one by one; the authors' thresholds count ties their way.
      auto slack = floors && !how_.pattern.reference_ties ? *floors : 0;
      slack += (u->accepts().grain - 1) * (contest_ == Contest::Row ? site.mask.size(0) : 1);
      if (how_.pattern.kind != Pattern::NM && !how_.pattern.reference_ties &&
          std::abs(now - kept) > slack)
        fail("{}: {} keeps {} weights where {} were chosen", site.layer.name, u.name, now, kept);
    }
  }

  void prune_groups(const Stop& stop, const Stats& stats) {
    // All scores first: masks of one group must not change another's score.
    std::vector<Removed> here;
    for (const auto i : stop.items) {
      const auto& g = all_[i].group;
      const auto keep = selection_->units(g, score_of(all_[i], stats), shares_[i]);
      here.push_back({g, keep & ~g.gone().to(keep.device())});
    }
    for (size_t k = 0; k < here.size(); ++k) {
      apply(here[k], stop.items[k], stats);
      removed_.push_back(std::move(here[k]));
    }
  }

  void apply(const Removed& removed, size_t i, const Stats& stats) {
    const auto masks = removed.group.layer_masks(removed.keep);
    for (size_t s = 0; s < masks.size(); ++s) {
      Layer& layer = *removed.group.slices[s].layer;
      Site site{layer,
                masks[s],
                parts_[i],
                how_.pattern,
                contest_,
                shares_[i],
                stats,
                [&](const Tensor&, int64_t begin, int64_t end, double) {
                  return masks[s].slice(1, begin, end);
                }};
      const auto dense = layer.weight;
      repair(site, nullptr);
      layer.set_mask(site.mask);  // a layer may sit in several groups: masks are AND-ed
      settle(model_, layer);
      rest(dense);
    }
    mask_followers(removed.group, removed.keep);
  }

  Model& model_;
  const Method& how_;
  double target_;
  Calibration& data_;
  Shelf* shelf_;
  Needs needs_;
  Contest contest_;
  bool freed_;  // counts and n:m are the authors' own
  std::unique_ptr<Selection> selection_;
  std::vector<Candidate> all_;
  std::vector<Part> parts_;
  std::vector<Share> shares_;
  std::shared_ptr<const Stats> global_, stats_;
  std::optional<Snapshot> before_;  // the model before the block was pruned that is worked on
  int64_t begun_ = -1;              // that block
  std::vector<Removed> removed_;
};

}  // namespace

std::vector<Layer*> prunable(Model& model, const Pattern& pattern) {
  std::vector<Layer*> all;
  std::set<Layer*> seen;
  for (const auto& c : candidates(model, pattern))
    for (Layer* l : c.layers())
      if (seen.insert(l).second) all.push_back(l);
  return all;
}

std::vector<Removed> prune(Model& model, const Method& how, double target, Calibration& data,
                           Shelf* shelf, const std::function<void(int64_t, int64_t)>& progress,
                           const Onlooker& onlooker) {
  at::NoGradGuard no_grad;
  return Pruning(model, how, target, data, shelf).run(progress, onlooker);
}

}  // namespace bench
