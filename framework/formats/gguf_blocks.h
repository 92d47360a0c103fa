#pragma once
#include "tensor/tensor.h"
#include "formats/mapped_file.h"

namespace bench {

/// One GGUF tensor at `offset` of the file, as float32. Blocks of 32 weights (256 of the K types)
/// run along the last dimension. Ids: 0 F32, 1 F16, 2 Q4_0, 3 Q4_1, 6 Q5_0, 7 Q5_1, 8 Q8_0,
/// 10..14 Q2_K..Q6_K, 30 BF16. Another one is an Error with its name.
Tensor dequantise(const MappedFile& file, const std::string& name, uint32_t type,
                  const std::vector<int64_t>& shape, uint64_t offset);

}  // namespace bench
