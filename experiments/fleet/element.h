#pragma once
#include <string>

namespace bench {

/// An element of a Slurm array: runs what is left of its share, on this node's own disk, and copies
/// the ledger of the share back when trials have ended. Returns the exit code for the batch script.
int run_element(const std::string& folder, const std::string& number);

}  // namespace bench
