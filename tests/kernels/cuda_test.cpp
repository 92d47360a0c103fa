// CUDA twins against the CPU kernels that are their reference. Needs a GPU: says so where none is.
#include "tensor/device.h"
#include "measure/zeroth_order.h"
#include "fixture.h"
#include "kernels/select.h"
#include "kernels/twins.h"

using namespace bench;
using namespace bench::test;

namespace {

/// The reason why these tests cannot run here, or nothing.
std::string no_gpu() {
  const auto why = error_of([] { open_device("cuda"); });
  if (!why.empty()) return why;
  return kernels::twins() ? "" : "libbench_cuda.so was not built";
}

#define SKIP_WITHOUT_GPU()                       \
  if (const auto why = no_gpu(); !why.empty()) { \
    WARN("skipped: " << why);                    \
    SUCCEED();                                   \
    return;                                      \
  }

/// Few distinct values, so that most contests are decided by ties.
Tensor tied(at::IntArrayRef shape) {
  at::manual_seed(9);
  return (at::randn(shape) * 4).round() / 4;
}

}  // namespace

TEST_CASE("CUDA: selection gives the bytes of the CPU", "[gpu]") {
  SKIP_WITHOUT_GPU();
  for (const auto& s : {tied({37, 172}), at::randn({64, 4096}), tied({3, 5}), tied({1, 300001})}) {
    const auto g = s.to(at::kCUDA);
    for (const double ratio : {0.0, 0.1, 0.5, 0.97, 1.0}) {
      CHECK(select(g, Contest::Row, ratio).cpu().equal(select(s, Contest::Row, ratio)));
      CHECK(select(g, Contest::Layer, ratio).cpu().equal(select(s, Contest::Layer, ratio)));
    }
    for (const auto& [n, m] : {std::pair{2, 4}, std::pair{4, 8}, std::pair{1, 3}})
      CHECK(select_nm(g, n, m).cpu().equal(select_nm(s, n, m)));
  }
}

TEST_CASE("CUDA: the Wanda score and the directions are those of the CPU", "[gpu]") {
  SKIP_WITHOUT_GPU();
  at::manual_seed(4);
  const auto w = at::randn({33, 129}), a = at::rand({129});
  auto here = at::empty_like(w);
  kernels::scaled_magnitude(w.const_data_ptr<float>(), a.const_data_ptr<float>(), 33, 129,
                            here.mutable_data_ptr<float>());
  const auto wd = w.to(at::kCUDA), ad = a.to(at::kCUDA);
  auto there = at::empty_like(wd);
  kernels::check_cuda(
      kernels::twins()->scaled_magnitude(wd.const_data_ptr<float>(), ad.const_data_ptr<float>(), 33,
                                         129, there.mutable_data_ptr<float>()),
      "scaled_magnitude");
  CHECK(there.cpu().equal(here));
  Layer on_cpu, on_gpu;
  on_cpu.name = on_gpu.name = "layer";
  on_cpu.weight = at::zeros({129, 1001}), on_gpu.weight = on_cpu.weight.to(at::kCUDA);
  CHECK(direction(on_gpu, 42, Directions::Rademacher)
            .cpu()
            .equal(direction(on_cpu, 42, Directions::Rademacher)));
  // Two maths libraries may round a float64 differently, which then shows in the last float32 bit.
  CHECK(at::allclose(direction(on_gpu, 42, Directions::Normal).cpu(),
                     direction(on_cpu, 42, Directions::Normal), 2e-7, 1e-37));
}

TEST_CASE("without a CUDA part or device, device=cuda is one sentence with the remedy",
          "[device]") {
  const auto why = error_of([] { open_device("cuda"); });
  CHECK((why.empty() || contains(why, "device=cpu")));
  CHECK(open_device("cpu").is_cpu());
}
