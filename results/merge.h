#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace bench {

struct Merged {
  int64_t trials = 0;     // that counted in the others
  int64_t added = 0;      // ids that were not there
  int64_t completed = 0;  // that were there and not finished
  int64_t differing = 0;  // finished in both, with other numbers: both are kept
};

/// Brings the trials of other ledgers into one; in whatever order and however often, the same rows
/// count at the end. By id: what is finished wins over what is not; two finished rows that agree in
/// hashes and metrics are one. Where they differ both are kept, one as history: measured by the
/// same code the one that finished first counts and is INVALID `reruns_disagree`, by other code the
/// newer one counts. What was running elsewhere is interrupted here. Rows of the past come along.
///
/// A ledger of an older schema is brought up to date in a copy; one that cannot be read whole, or
/// is none, is an Error with its path, and nothing of any of them is written. One transaction each.
Merged merge(const std::string& into, const std::vector<std::string>& from);

}  // namespace bench
