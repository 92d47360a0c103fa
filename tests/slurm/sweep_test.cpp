// The real thing: tests/slurm/check.sh starts a Slurm of one node. Hidden: .ci/run asks for it by
// its tag.
#include "front/program.h"
#include "test.h"

using namespace bench::test;

TEST_CASE("a sweep on a real Slurm equals a run on this machine", "[.][slurm]") {
  if (!std::filesystem::exists(BENCH_BIN "/bench-engine")) {
    WARN("skipped: bench-engine is not built");
    SUCCEED();
    return;
  }
  const auto ran = run(std::string("'") + BENCH_BIN + "'", root() / "tests/slurm/check.sh");
  if (ran.output.starts_with("skipped: ")) WARN(ran.output);
  INFO(ran.output);
  CHECK(ran.code == 0);
}
