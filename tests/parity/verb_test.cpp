// `bench verify`, as a user types it.
#include <fstream>

#include "front/program.h"

using namespace bench;
using namespace bench::test;

TEST_CASE("verify runs recorded configurations", "[parity]") {
  const TempDir folder;
  std::ofstream(folder.path / "cases.jsonl")
      << R"({"id": "good", "yaml": "a: 1\nb: ${a}\n", "select": "b", "ok": true, "value": 1})"
      << "\n";
  const Ran passed = run("verify " + folder.path.string());
  CHECK(passed.code == 0);
  CHECK(contains(passed.output, "file "));
  CHECK(contains(passed.output,
                 "cases.jsonl                            1       0       0       0\n"));
  std::ofstream(folder.path / "cases.jsonl")
      << R"({"id": "bad", "yaml": "a: 1\n", "select": "a", "ok": true, "value": 2})"
      << "\n";
  const Ran failed = run("verify " + folder.path.string());
  CHECK(failed.code == 1);
  CHECK(contains(failed.output, "cases.jsonl bad FAILED"));
}

TEST_CASE("a fresh clone replays the recorded results that are shipped", "[parity]") {
  const Ran ran = run("verify " + (root() / "tests/parity/recorded").string());
  INFO(ran.output);
  CHECK(ran.code == 0);
  CHECK(!contains(ran.output, "FAILED"));
}
