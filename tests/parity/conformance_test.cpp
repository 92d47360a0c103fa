#include "parity/hydra/conformance.h"

#include "test.h"

using namespace bench;

TEST_CASE("every recorded case of Hydra and OmegaConf", "[config][shared]") {
  SKIP_WITHOUT_SHARED();
  const auto counts = verify_config_folder(bench::test::shared() / "conformance" / "config");
  int passed = 0;
  for (const auto& [file, count] : counts) {
    CAPTURE(file);
    std::string lines;
    for (const auto& line : count.lines)
      if (count.failed || count.skipped) lines += line + "\n";
    CAPTURE(lines);
    CHECK(count.failed == 0);
    CHECK(count.skipped == 0);
    passed += count.passed;
  }
  CHECK(passed >= 3990);
}

TEST_CASE("records are judged, not believed", "[config]") {
  const bench::test::TempDir folder;
  std::ofstream(folder.path / "cases.jsonl")
      << R"({"id": "good", "input": "a=1", "ok": true, "key": "a", "package": null, )"
      << R"("type": "CHANGE", "value_type": "ELEMENT", "value": 1, "canonical": "a=1"})"
      << "\n"
      << R"({"id": "bad", "input": "a=1", "ok": true, "key": "a", "package": null, )"
      << R"("type": "CHANGE", "value_type": "ELEMENT", "value": 1.0, "canonical": "a=1"})"
      << "\n"
      << R"({"id": "quirk", "doc": "1: a\n1: b\n", "ok": true, "type": "dict", "value": {}, )"
      << R"("class": "resolve", "quirk": "the last one wins"})"
      << "\n"
      << "no json\n";
  const auto count = verify_config_folder(folder.path).at("cases.jsonl");
  CHECK(count.passed == 1);
  CHECK(count.failed == 2);
  CHECK(count.refused == 1);
  REQUIRE(count.lines.size() == 3);
  CHECK(bench::test::contains(count.lines[0], "bad FAILED: value: expected 1.0, got 1"));
  CHECK(bench::test::contains(count.lines[1], "quirk refused: Hydra's quirk: the last one wins"));
}
