#pragma once
#include "reports/pivot.h"

namespace bench {

/// Tidy CSV (RFC 4180): one row for each metric of each finished trial, every key of the
/// configurations a column ("config.data.nsamples"); what a trial's plugins do not have is empty.
/// Nothing is averaged, nothing is left out; the column `mark` says INVALID or LEAK.
std::string render_long(const Rows& rows, const Selection& selection);

}  // namespace bench
