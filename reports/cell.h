#pragma once
#include <map>
#include <string>
#include <vector>

#include "reports/inherit.h"
#include "reports/pivot.h"

namespace bench {

/// A metric of a table, and the trial that it belongs to.
struct Reading {
  size_t trial;  // place in Rows::trials
  const MetricRow* metric;
};

/// What cells need to know about trials besides their metrics.
struct TrialFacts {
  struct Seeds {
    int64_t asked = 1, seed = 0;  // `seeds: k` and `seed` of the configuration
    bool draws = false;           // whether anything in the trial draws random numbers
  };
  const Rows* rows;
  Broken broken;
  std::map<std::string, double> measured;  // id -> share of zero weights
  std::map<size_t, Seeds> seeds;           // by place, of the trials that ask for several
};
TrialFacts facts_of(const Rows& rows);

/// Adds the failed rules of a trial that concern a number of it.
void judge(Cell& cell, const TrialFacts& facts, const MetricRow& metric, const std::string& trial);

/// The cell of some trials of one setting that share a column: the mean over their seeds, or why
/// there is none.
Cell make_cell(const TrialFacts& facts, const std::vector<Reading>& given,
               const std::vector<size_t>& trials);

}  // namespace bench
