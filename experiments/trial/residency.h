#pragma once
#include <cstdint>
#include <filesystem>
#include <string>

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

}  // namespace bench
