// The fuzzers' corpus in the ordinary program: no crash, no broken round trip, nothing slow.
#include <chrono>

#include "fuzz/targets.h"
#include "test.h"

namespace {

void replay(const char* name, void (*target)(const std::string&)) {
  using Clock = std::chrono::steady_clock;
  const auto folder = bench::test::root() / "tests" / "fuzz" / "corpus" / name;
  int inputs = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const auto text = bench::test::slurp(entry.path());
    CAPTURE(entry.path().filename().string());
    const auto start = Clock::now();
    target(text);
    const std::chrono::duration<double> seconds = Clock::now() - start;
    CHECK(seconds.count() < 2);  // 0.1 s on a free machine; this one is shared, or under sanitizers
    ++inputs;
  }
  CHECK(inputs >= 15);
}

}  // namespace

TEST_CASE("the corpus of the override parser", "[config]") {
  replay("override", bench::fuzz::override_text);
}

TEST_CASE("the corpus of the YAML loader", "[config]") {
  replay("yaml", bench::fuzz::yaml_text);
}

TEST_CASE("the corpus of the interpolation parser", "[config]") {
  replay("interpolation", bench::fuzz::interpolation_text);
}

TEST_CASE("hostile inputs are cheap", "[config]") {
  using namespace bench;
  const std::string deep(50'000, '[');
  const std::string braces(50'000, '{');
  fuzz::override_text("a=" + deep);
  fuzz::override_text("a=" + braces);
  fuzz::yaml_text(deep);
  fuzz::yaml_text("a: " + braces);
  std::string dashes;
  for (int i = 0; i < 20'000; ++i) dashes += "- ";
  fuzz::yaml_text(dashes + "x\n");
  std::string nested;
  for (int i = 0; i < 20'000; ++i) nested += "${oc.decode:";
  fuzz::interpolation_text(nested);
  fuzz::interpolation_text(std::string(200'000, '$'));
  fuzz::override_text("a=range(0,1e308,1e-308)");
  fuzz::override_text("a=range(9223372036854775807)");
  CHECK(true);
}
