#pragma once
#include <cstddef>
#include <string>
#include <vector>

namespace bench::slurm {

struct Piece {
  std::string shared;  // trials with an equal one share most of their work: model and data
  double cost = 1;     // predicted, in any unit
};

/// Deals trials to at most `elements` shares: places in `trials`, in their order, no share empty,
/// every trial in one. What shares its work stays together, unless it is more than an element's
/// part of the whole; of what is left the costliest goes first, to whoever has least.
std::vector<std::vector<size_t>> deal(const std::vector<Piece>& trials, size_t elements);

}  // namespace bench::slurm
