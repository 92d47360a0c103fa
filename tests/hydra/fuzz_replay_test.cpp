// The fuzzers' corpus in the ordinary program: no crash, no broken round trip, nothing
// slow.
#include "corpus.h"
#include "fuzz/targets.h"

using bench::test::replay;

TEST_CASE("the corpus of the override parser", "[config]") {
  CHECK(replay("override", bench::fuzz::override_text) >= 15);
}

TEST_CASE("the corpus of the YAML loader", "[config]") {
  CHECK(replay("yaml", bench::fuzz::yaml_text) >= 15);
}

TEST_CASE("the corpus of the interpolation parser", "[config]") {
  CHECK(replay("interpolation", bench::fuzz::interpolation_text) >= 15);
}

TEST_CASE("hostile inputs are cheap", "[config]") {
  using namespace bench;
  const std::string deep(50'000, '[');
  const std::string braces(50'000, '{');
  CHECK_NOTHROW(fuzz::override_text("a=" + deep));
  CHECK_NOTHROW(fuzz::override_text("a=" + braces));
  CHECK_NOTHROW(fuzz::yaml_text(deep));
  CHECK_NOTHROW(fuzz::yaml_text("a: " + braces));
  std::string dashes;
  for (int i = 0; i < 20'000; ++i) dashes += "- ";
  CHECK_NOTHROW(fuzz::yaml_text(dashes + "x\n"));
  std::string nested;
  for (int i = 0; i < 20'000; ++i) nested += "${oc.decode:";
  CHECK_NOTHROW(fuzz::interpolation_text(nested));
  CHECK_NOTHROW(fuzz::interpolation_text(std::string(200'000, '$')));
  CHECK_NOTHROW(fuzz::override_text("a=range(0,1e308,1e-308)"));
  CHECK_NOTHROW(fuzz::override_text("a=range(9223372036854775807)"));
}
