#pragma once
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>  // 2.x: ATen.h no longer brings at::NoGradGuard

namespace bench {
using at::Tensor;
}
