#pragma once
#include "walk/pruner.h"
#include "parity/verify.h"

namespace bench::verify {

/// Calibration ids of a case, each row one sequence.
Calibration recorded_calibration(Run& run, const fs::path& case_file, const Json& record);
/// exp(sum of losses / predicted tokens) over the stories of eval40.safetensors, one by one.
double eval40(Run& run, const fs::path& case_file, const std::string& file, const Model& model);
/// numpy.packbits: first element is the most significant bit -> bool of that shape.
Tensor unpack_mask(const Tensor& packed, at::IntArrayRef shape);
/// Throws where ours is further from theirs than a share.
void expect_relative(const std::string& what, double ours, double theirs, double tolerance);

}  // namespace bench::verify
