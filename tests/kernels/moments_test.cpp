// Column sums in one pass: against LibTorch's, and the same bits however rows are split.
#include "kernels/moments.h"

#include "fixture.h"

using namespace bench;
using namespace bench::test;

namespace {

/// [3, columns]: sums of x, |x| and x^2, the rows of x given in pieces.
Tensor moments(const Tensor& x, std::vector<int64_t> pieces) {
  auto out = at::zeros({3, x.size(1)}, at::kDouble);
  auto* o = out.mutable_data_ptr<double>();
  const float* from = x.const_data_ptr<float>();
  for (const auto rows : pieces) {
    kernels::add_moments(from, rows, x.size(1), o, o + x.size(1), o + 2 * x.size(1));
    from += rows * x.size(1);
  }
  return out;
}

}  // namespace

TEST_CASE("column moments equal LibTorch's to float64 rounding", "[kernels]") {
  at::manual_seed(6);
  for (const int64_t columns : {1, 7, 512, 1025}) {
    const auto x = at::randn({33, columns});
    const auto d = x.to(at::kDouble);
    const auto expected = at::stack({d.sum(0), d.abs().sum(0), d.square().sum(0)});
    // 33 additions of numbers of order one.
    CHECK(at::allclose(moments(x, {33}), expected, 1e-13, 1e-13));
  }
}

TEST_CASE("column moments have the same bits in pieces and on two threads", "[kernels]") {
  at::manual_seed(7);
  const auto x = at::randn({64, 1600});
  const auto whole = moments(x, {64});
  CHECK(whole.equal(moments(x, {1, 30, 33})));
  at::set_num_threads(2);
  CHECK(whole.equal(moments(x, {64})));
  at::set_num_threads(1);
}
