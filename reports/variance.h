#pragma once
#include "reports/pivot.h"
#include "reports/sheet.h"

namespace bench {

/// Of what a cell's uncertainty is made, where it has at least three seeds. Standard deviations in
/// the metric's unit: of one seed around the mean of all (calibration and whatever else the seed
/// draws), and the standard error over items, which more seeds do not make smaller. Numerics add
/// nothing: a seed has one number, whatever the machine (bench audit checks that).
struct Parts {
  const Table* table = nullptr;
  size_t line = 0, column = 0;
  int seeds = 0;
  double of_seeds = kNone;  // standard deviation of one seed
  double of_items = kNone;  // standard error over items
  double share = kNone;  // of the mean's variance that comes from seeds: s^2/k / (s^2/k + items^2)
};
std::vector<Parts> variance_parts(const Report& report);

/// How many more seeds of both would tell A from B at 95 % (normal, both errors as if independent,
/// their spread as it was seen). 0: they are told apart already. Nothing where no number of seeds
/// would: the items' error alone is too large.
std::optional<int> more_seeds(const Parts& a, const Parts& b);

/// A row a cell, with what would settle it against the best of its column.
Sheet variance_sheet(const Report& report);

}  // namespace bench
