#include "base/csv.h"

#include "test.h"

using namespace bench;
using namespace bench::test;

TEST_CASE("CSV: quotes, commas and line ends inside fields, either line end", "[base]") {
  const auto rows = read_csv("a,b\r\n1,\"x,\"\"y\"\"\nz\"\r\n,\n", "f.csv");
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].at("a") == "1");
  CHECK(rows[0].at("b") == "x,\"y\"\nz");
  CHECK(rows[1].at("a").empty());
  CHECK(read_csv("a\n", "f").empty());
  CHECK(contains(error_of([] { read_csv("a,b\n1\n", "f.csv"); }), "f.csv:2: has 1 fields"));
  CHECK(contains(error_of([] { read_csv("a\n\"x\ny", "f.csv"); }), "f.csv:2: a quote"));
}
