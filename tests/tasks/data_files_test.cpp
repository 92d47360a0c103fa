// Rows of data files: types of columns as pandas and Arrow have them, mistakes with their line.
#include "hydra/yaml/scalar.h"
#include "jinja/json_value.h"
#include "jinja/python_literal.h"
#include "data/csv_table.h"
#include "data/documents.h"
#include "test.h"

using namespace bench;
using namespace bench::test;

namespace {

/// The rows as Python would print them.
std::string rows(const std::string& csv) {
  std::string out;
  for (const auto& r : csv_rows("f.csv", csv, 0)) out += python_str(r) + "\n";
  return out;
}

std::string literal(const std::string& text) {
  const auto v = python_literal(text);
  return v ? python_repr(*v) : "none";
}

std::string json(const std::string& text) {
  return python_repr(value_of_json(text, "x"));
}

}  // namespace

TEST_CASE("csv: columns are typed as pandas types them", "[tasks]") {
  // Recorded with pandas 2.3: pandas.read_csv(...).
  CHECK(rows("a,b\n1,x\n2,y\n") == "{'a': 1, 'b': 'x'}\n{'a': 2, 'b': 'y'}\n");
  CHECK(rows("a\n007\n1\n") == "{'a': 7}\n{'a': 1}\n");
  CHECK(rows("a,b\n1,p\n,q\n") == "{'a': 1.0, 'b': 'p'}\n{'a': None, 'b': 'q'}\n");
  CHECK(rows("a\n1\n2.5\n") == "{'a': 1.0}\n{'a': 2.5}\n");
  CHECK(rows("a\nTrue\nfalse\n") == "{'a': True}\n{'a': False}\n");
  CHECK(rows("a\n1\ntrue\n") == "{'a': '1'}\n{'a': 'true'}\n");
  CHECK(rows("a,b\nNA,None\nx,y\n") == "{'a': None, 'b': None}\n{'a': 'x', 'b': 'y'}\n");
  CHECK(rows("a,a,\n1,2,3\n") == "{'a': 1, 'a.1': 2, 'Unnamed: 2': 3}\n");
  CHECK(rows("a,b\r\n1,2\r3,4") == "{'a': 1, 'b': 2}\n{'a': 3, 'b': 4}\n");
  CHECK(rows("a,b\n\n  \n1\n") == "{'a': 1, 'b': None}\n");
  CHECK(rows("a\n\"x\ny \"\"z\"\"\"\nsay \"hi\"\n") ==
        "{'a': 'x\\ny \"z\"'}\n{'a': 'say \"hi\"'}\n");
  CHECK(contains(error_of([] { rows("a\n1\n\"x\n"); }), "f.csv:3: a quote is opened"));
  CHECK(contains(error_of([] { rows("a,b\n1,2\n1,2,3\n"); }), "f.csv:3: has 3 fields"));
}

TEST_CASE("json: as Python's json reads it, within a budget", "[tasks]") {
  CHECK(json("{\"a\": [1, 2.0, true, null, NaN, -Infinity]}") ==
        "{'a': [1, 2.0, True, None, nan, -inf]}");
  CHECK(json("{\"a\": 1, \"b\": 2, \"a\": 3}") == "{'a': 3, 'b': 2}");
  CHECK(json("\"\\u00e9\\ud83d\\ude00\\n\"") == "'é😀\\n'");
  for (const char* broken : {"{", "[1,]", "{\"a\" 1}", "01", "1.", "\"\\ud800\"", "nan", "[1] 2",
                             "\"a\nb\"", "-", "{\"a\":1,}", "'a'"}) {
    INFO(broken);
    CHECK(contains(error_of([&] { json(broken); }), "x: is no JSON"));
  }
  CHECK(contains(error_of([] { json("18446744073709551615"); }), "beyond 64 bits"));
  CHECK(contains(error_of([] { json(std::string(1'000'000, '[')); }), "nests deeper"));
  std::string many = "{";
  for (int i = 0; i < 300'000; ++i) many += fmt::format("\"k{}\":{},", i, i);
  CHECK(value_of_json(many + "\"z\":0}", "x").map().size() == 300'001);  // not quadratic
  JsonBudget small;
  small.values = 10;
  CHECK(contains(error_of([&] { value_of_json("[0,0,0,0,0,0,0,0,0,0,0]", "x", small); }),
                 "more than 10 values"));
}

TEST_CASE("json: rows are a table", "[tasks]") {
  TempDir dir;
  const auto file = (dir.path / "d.jsonl").string();
  std::ofstream(file) << "\xEF\xBB\xBF{\"a\": 1, \"o\": {\"x\": 1}}\n\n{\"a\": 2.5, \"b\": \"t\", "
                         "\"o\": {\"y\": [1, 2.0]}}\n";
  const auto all = read_documents_of(file, 0);
  REQUIRE(all.size() == 2);
  CHECK(python_str(all[0]) == "{'a': 1.0, 'o': {'x': 1, 'y': None}, 'b': None}");
  CHECK(python_str(all[1]) == "{'a': 2.5, 'b': 't', 'o': {'y': [1.0, 2.0], 'x': None}}");
  const auto array = (dir.path / "d.json").string();
  std::ofstream(array) << "[{\"a\": 1}]";
  CHECK(read_documents_of(array, 0).size() == 1);
  std::ofstream(array) << "{\"a\": 1}\n{\"a\": 2}\n";
  CHECK(read_documents_of(array, 0).size() == 2);
  std::ofstream(file) << "{\"a\": \"\xff\"}\n";
  CHECK(contains(error_of([&] { read_documents_of(file, 0); }),
                 "d.jsonl: is not valid UTF-8 at byte 7"));
}

TEST_CASE("literals: what Python's literal_eval reads", "[tasks]") {
  CHECK(literal("['42', \"it's\"]") == "['42', \"it's\"]");
  CHECK(literal("[1, -2.5, True, None]") == "[1, -2.5, True, None]");
  CHECK(literal("[1,000]") == "[1, 0]");
  CHECK(literal("[true]") == "none");
  CHECK(literal("[&]") == "none");
  CHECK(literal("[a]") == "none");
  CHECK(literal("[07]") == "none");
  CHECK(literal("[0x1f, 1_000]") == "[31, 1000]");
  CHECK(literal("[('a', 'b'), {'k': 1}]") == "[['a', 'b'], {'k': 1}]");
  CHECK(literal("['a' 'b', r'\\n']") == "['ab', '\\\\n']");
  CHECK(literal("[1 2]") == "none");
  CHECK(literal("[") == "none");
  CHECK(literal("[]") == "[]");
}
