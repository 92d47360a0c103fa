#include "slurm/shares.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace bench::slurm {
namespace {

struct Lot {
  std::vector<size_t> trials;
  double cost = 0;
};

double cost_of(const Piece& p) {
  return std::isfinite(p.cost) && p.cost > 0 ? p.cost : 1e-9;
}

/// A group as lots of about equal cost that are no costlier than `most`, where trials can be
/// parted.
void part(const std::vector<size_t>& group, const std::vector<Piece>& trials, double most,
          std::vector<Lot>& lots) {
  double whole = 0;
  for (const auto t : group) whole += cost_of(trials[t]);
  const double wanted = std::max(1.0, std::ceil(whole / most - 1e-9));
  const auto count = static_cast<size_t>(std::min(wanted, static_cast<double>(group.size())));
  double before = 0;
  size_t next = 0;
  for (size_t i = 0; i < count; ++i) {
    Lot lot;
    const double until = whole * static_cast<double>(i + 1) / static_cast<double>(count);
    const size_t left_for_others = count - 1 - i;
    while (next < group.size() - left_for_others) {
      const double cost = cost_of(trials[group[next]]);
      // A trial across the border goes where its larger half is; each lot has one.
      if (!lot.trials.empty() && left_for_others > 0 && before + cost / 2 > until) break;
      lot.trials.push_back(group[next++]);
      lot.cost += cost;
      before += cost;
    }
    lots.push_back(std::move(lot));
  }
}

}  // namespace

std::vector<std::vector<size_t>> deal(const std::vector<Piece>& trials, size_t elements) {
  if (trials.empty() || elements == 0) return {};
  elements = std::min(elements, trials.size());
  std::vector<std::vector<size_t>> groups;
  std::map<std::string, size_t> place;
  double whole = 0;
  for (size_t t = 0; t < trials.size(); ++t) {
    const auto [it, fresh] = place.emplace(trials[t].shared, groups.size());
    if (fresh) groups.emplace_back();
    groups[it->second].push_back(t);
    whole += cost_of(trials[t]);
  }
  std::vector<Lot> lots;
  for (const auto& group : groups) part(group, trials, whole / static_cast<double>(elements), lots);
  std::stable_sort(lots.begin(), lots.end(),
                   [](const Lot& a, const Lot& b) { return a.cost > b.cost; });
  std::vector<Lot> shares(elements);
  for (const auto& lot : lots) {
    auto& share = *std::min_element(shares.begin(), shares.end(),
                                    [](const Lot& a, const Lot& b) { return a.cost < b.cost; });
    share.trials.insert(share.trials.end(), lot.trials.begin(), lot.trials.end());
    share.cost += lot.cost;
  }
  std::vector<std::vector<size_t>> dealt;
  for (auto& share : shares) {
    if (share.trials.empty()) continue;
    std::sort(share.trials.begin(), share.trials.end());
    dealt.push_back(std::move(share.trials));
  }
  return dealt;
}

}  // namespace bench::slurm
