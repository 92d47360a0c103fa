#include "reports/best.h"

#include <cmath>
#include <map>
#include <optional>

#include "reports/item_scale.h"
#include "reports/paired_statistics.h"

namespace bench {

namespace {

constexpr double kLevel = 0.05;

/// Two-sided, of a standard normal variable.
double p_of(double z) {
  return std::erfc(std::abs(z) / std::sqrt(2.0));
}

class Contenders {
 public:
  Contenders(Table& table, size_t column, const Rows& rows, const ReadingOf& reading_of)
      : table_(table), column_(column), rows_(rows), reading_of_(reading_of) {}

  void mark() {
    std::vector<Cell*> others;
    Cell* best = nullptr;
    for (auto& line : table_.lines) {
      auto& cell = line.cells[column_];
      cell.best = false;
      if (line.dense || *mark_of(cell) || std::isnan(cell.value)) continue;
      if (best && !better(cell.value, best->value)) {
        others.push_back(&cell);
        continue;
      }
      if (best) others.push_back(best);
      best = &cell;
    }
    if (!best) return;
    best->best = true;
    std::vector<double> p;
    for (const Cell* cell : others) p.push_back(probability(*best, *cell, others.size()));
    const auto corrected = holm(p);
    for (size_t i = 0; i < others.size(); ++i) others[i]->best = corrected[i] >= kLevel;
  }

 private:
  bool better(double a, double b) const { return table_.higher_is_better ? a > b : a < b; }

  /// How probable a difference as large as this is between two equal methods.
  double probability(const Cell& best, const Cell& other, size_t candidates) {
    const auto* m = reading_of_(best.trials.front());
    const double difference = on_item_scale(*m, best.value) - on_item_scale(*m, other.value);
    if (difference == 0) return 1;
    if (!std::isfinite(difference)) return 0;
    const double a = error_on_item_scale(*m, best.value, best.error),
                 b = error_on_item_scale(*m, other.value, other.error);
    if (std::isnan(a) && std::isnan(b)) return 0;
    // No pairing makes the error larger than the sum of both: what is far apart needs no items.
    const double apart = p_of(difference / (a + b));
    if (apart * static_cast<double>(candidates) < kLevel) return apart;
    const auto paired = paired_error(best, other);
    const double error =
        paired ? *paired : std::hypot(std::isnan(a) ? 0 : a, std::isnan(b) ? 0 : b);
    return error == 0 ? 0 : p_of(difference / error);
  }

  /// Of the difference of two cells, item by item; nothing where their items are not the same.
  std::optional<double> paired_error(const Cell& a, const Cell& b) {
    const auto *x = items(a), *y = items(b);
    if (!x || !y || x->hash != y->hash || x->mean.size() != y->mean.size()) return {};
    std::vector<double> differences;
    for (size_t i = 0; i < x->mean.size(); ++i) differences.push_back(x->mean[i] - y->mean[i]);
    if (differences.size() < 2) return {};
    double mean = 0, squares = 0;
    const double n = static_cast<double>(differences.size());
    for (const double d : differences) mean += d / n;
    for (const double d : differences) squares += (d - mean) * (d - mean);
    return std::sqrt(squares / (n - 1) / n + x->seeds + y->seeds);
  }

  struct Items {
    std::string hash;
    std::vector<double> mean;  // over the seeds
    double seeds = 0;          // squared error of the mean over the seeds
  };

  const Items* items(const Cell& cell) {
    const auto [it, first] = known_.try_emplace(&cell);
    if (first) it->second = load(cell);
    return it->second ? &*it->second : nullptr;
  }

  std::optional<Items> load(const Cell& cell) const {
    Items all;
    for (const size_t trial : cell.trials) {
      const auto* m = reading_of_(trial);
      if (!m || m->items_hash.empty()) return {};
      auto scores = m->items;
      if (scores.empty() && rows_.items) scores = rows_.items(rows_.trials[trial].id, *m);
      if (!is_mean_of(*m, scores)) return {};
      if (all.mean.empty()) all.hash = m->items_hash, all.mean.resize(scores.size());
      if (all.hash != m->items_hash || all.mean.size() != scores.size()) return {};
      for (size_t i = 0; i < scores.size(); ++i)
        all.mean[i] += static_cast<double>(scores[i]) / static_cast<double>(cell.trials.size());
    }
    if (!std::isnan(cell.error_seeds)) {
      const auto* m = reading_of_(cell.trials.front());
      all.seeds = std::pow(error_on_item_scale(*m, cell.value, cell.error_seeds), 2);
    }
    return all;
  }

  Table& table_;
  size_t column_;
  const Rows& rows_;
  const ReadingOf& reading_of_;
  std::map<const Cell*, std::optional<Items>> known_;
};

}  // namespace

void mark_best(Table& table, const Rows& rows, const ReadingOf& reading_of) {
  if (!table.directed) return;
  for (size_t c = 0; c < table.columns.size(); ++c) Contenders(table, c, rows, reading_of).mark();
}

}  // namespace bench
