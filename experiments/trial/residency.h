#pragma once
#include <cstdint>
#include <filesystem>
#include <string>

#include "core/method.h"
#include "tensor/tensor.h"

namespace bench {

/// Bytes that this process may still take: what the machine has free, or what is left below the
/// limit of its control group (cgroup v2, memory.max), whichever is less.
int64_t free_memory();

/// What a trial of the model takes at its peak with all its weights in memory, in bytes: dense
/// weights, pruned ones beside them, a byte of mask each (docs/decisions/compute-type.md).
int64_t whole_bytes(const std::filesystem::path& model, at::ScalarType compute);

/// Whether a model lives block by block: as asked, or of `auto`, where four fifths of the free
/// memory do not hold it whole.
bool lives_by_block(const std::filesystem::path& model, at::ScalarType compute,
                    const std::string& asked);

/// What a trial takes at the least where its model lives by block, in bytes of memory that no file
/// stands behind, by the shapes of the weights alone: nothing is read or drawn.
struct Demand {
  int64_t drawn = 0;       // weights of a config.json, which are drawn whole
  int64_t statistics = 0;  // the most that stand at once, of what the method declares (needs())
  int64_t layer = 0;       // score and mask of the largest layer that is pruned
  std::string of;          // whose statistics: "block 3", "all blocks"
  int64_t total() const { return drawn + statistics + layer; }
};

/// method: null for a dense trial. Nothing of files whose shapes are not known before
/// they are read.
Demand least_demand(const std::filesystem::path& model, at::ScalarType compute,
                    const Method* method);

/// An Error where `free` bytes do not hold it: how much it is and of what, what is there, and what
/// helps. name: of the model.
void check_room(const Demand& demand, const std::string& name, int64_t free);

}  // namespace bench
