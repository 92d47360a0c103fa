#pragma once
#include <set>

#include "reports/pivot.h"

namespace bench {

/// How many answers a change of the model turned, right to wrong and wrong to right, which an
/// unchanged accuracy hides (Dutta et al. 2024, "Accuracy is not all you need", arXiv 2407.09141).
/// In place of their metrics the rows get, of each whose items are right or wrong (1 or 0), three
/// shares of those items against the dense trial of the same model, task, protocol and item list,
/// the newest of several: "acc flips", the sum of "acc lost" and "acc gained". Metrics in `keep`
/// stay beside them. Standard errors are those of a mean over items. Foreign rows, and what is held
/// against a dense number that is INVALID, have none.
/// Only what is selected is read. An Error where there is none at all. Returns the names of the
/// metrics that were made.
std::set<std::string> to_flips(Rows& rows, const Selection& selection,
                               const std::vector<std::string>& keep);

}  // namespace bench
