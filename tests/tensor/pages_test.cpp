// Tensors whose memory a file stands behind (tensor/pages.h).
#include "tensor/pages.h"

#include <cstdlib>

#include "fixture.h"

using namespace bench;
using namespace bench::test;

TEST_CASE("stowed tensors hold the same values, also after they rested", "[tensor]") {
  at::manual_seed(1);
  for (const auto type : {at::kFloat, at::kBFloat16, at::kHalf}) {
    const auto t = at::randn({700, 1000}).to(type);
    const auto there = stow(t);
    CHECK(!is_mapped(t));
    CHECK(is_mapped(there));
    CHECK(there.equal(t));
    rest(there);
    CHECK(there.equal(t));
    CHECK(stow(there).is_same(there));
    const auto part = there.narrow(0, 100, 300);  // a view lies in the same file, and keeps it
    CHECK(is_mapped(part));
    rest(part);
    CHECK(part.equal(t.narrow(0, 100, 300)));
  }
  const auto turned = at::randn({600, 900}).t();
  CHECK(stow(turned).equal(turned));
  const auto mask = at::rand({1200, 1000}) > 0.5;
  const auto kept = stow(mask);
  rest(kept);
  CHECK(kept.equal(mask));
}

TEST_CASE("small, undefined and anonymous tensors stay where they are", "[tensor]") {
  const auto small = at::ones({10, 10});
  CHECK(stow(small).is_same(small));
  CHECK(!stow(Tensor()).defined());
  const auto t = at::randn({700, 1000});
  const auto before = t.clone();
  rest(t);  // would be zeros if it were told to leave
  CHECK(t.equal(before));
  rest(Tensor());
}

TEST_CASE("a scratch folder that cannot be written is named with the remedy", "[tensor]") {
  setenv("BENCH_SCRATCH", "/nowhere/at/all", 1);
  const auto why = error_of([] { stow(at::zeros({700, 1000})); });
  unsetenv("BENCH_SCRATCH");
  CHECK(why.find("/nowhere/at/all") != std::string::npos);
  CHECK(why.find("BENCH_SCRATCH") != std::string::npos);
}
