#include "config/schema.h"

#include "test.h"

using namespace bench;
using bench::test::contains;

namespace {
const Schema kSchema{key("ratio", 0.5, "share removed").range(0, 1),
                     key("tie", "stable", "rule for equal scores").one_of({"stable", "reference"}),
                     key("threads", 1, "threads").without_identity(),
                     required("file", Key::Type::String, "a path")};
}

TEST_CASE("a schema fills defaults, converts ints to floats and keeps its own order") {
  Value given{Value::Map{{"file", "x"}, {"ratio", 1}}};
  const auto all = kSchema.complete(given, "data");
  CHECK(to_json(all) == R"({"ratio": 1.0, "tie": "stable", "threads": 1, "file": "x"})");
}

TEST_CASE("a schema reports every mistake at once, with place and remedy") {
  Value bad{Value::Map{{"ratoi", 0.5}, {"ratio", 2.0}, {"tie", "stabel"}}};
  std::vector<std::string> mistakes;
  kSchema.complete(bad, "data", mistakes);
  REQUIRE(mistakes.size() == 4);
  CHECK(contains(mistakes[0], "data.ratoi: unknown key; did you mean ratio?"));
  CHECK(contains(mistakes[1], "data.ratio: 2.0 is outside [0, 1]"));
  CHECK(contains(mistakes[2], "did you mean stable?"));
  CHECK(contains(mistakes[3], "data.file: missing"));
}

TEST_CASE("identity does not see defaults or keys that change no result") {
  Value given{Value::Map{{"file", "x"}, {"ratio", 0.5}, {"threads", 7}}};
  CHECK(to_json(kSchema.canonical(kSchema.complete(given, ""))) == R"({"file": "x"})");
}
