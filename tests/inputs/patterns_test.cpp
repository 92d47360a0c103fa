// n:m on layers that it does not fit, as a user runs it.
#include <cmath>

#include "inputs/program.h"
#include "test.h"

using namespace bench;
using namespace bench::test;

namespace {

Measured pruned(const std::string& keep, const std::string& of, const std::string& more = "") {
  return Measured(
      "model=stories260k ++task.t.limit=4 criterion=magnitude pattern=2of4 ++pattern.keep=" + keep +
      " ++pattern.of=" + of + " " + more);
}

const VerdictRow& reached(const Measured& m) {
  for (const auto& v : m.outcome.verdicts)
    if (v.rule == "sparsity_reached") return v;
  FAIL("no verdict sparsity_reached: " << m.said);
  throw;
}

double gone(const Measured& m) {
  for (const auto& s : m.outcome.sparsity)
    if (s.name == "prunable weights")
      return static_cast<double>(s.masked) / static_cast<double>(s.total);
  return kNone;
}

}  // namespace

TEST_CASE("an m wider than a layer, and tails, keep their share", "[patterns]") {
  // stories260k has rows of 64 and of 172 inputs.
  for (const auto& [keep, of] : std::vector<std::pair<std::string, std::string>>{
           {"3", "64"}, {"7", "512"}, {"4", "8"}, {"1", "3"}, {"2", "5"}}) {
    CAPTURE(keep, of);
    const auto m = pruned(keep, of);
    INFO(m.said);
    REQUIRE(m.code == 0);
    CHECK(reached(m).ok);
    CHECK(gone(m) < 1);
    const double asked = 1 - std::stod(keep) / std::stod(of);
    CHECK(gone(m) <= asked + 1e-9);     // rounding keeps more, never less
    CHECK(gone(m) > asked - 1.0 / 64);  // by less than one weight a row
  }
}

TEST_CASE("the authors' rule for tails is there, and its verdict is honest", "[patterns]") {
  const auto m = pruned("4", "8", "++pattern.tail=removed");
  REQUIRE(m.code == 0);
  CHECK(gone(m) > 0.501);  // the last 4 of 172 inputs go whole
  CHECK(reached(m).ok);    // half a point is allowed
  const auto wide = pruned("7", "512", "++pattern.tail=removed");
  CHECK(gone(wide) == 1);
  CHECK(!reached(wide).ok);
}
