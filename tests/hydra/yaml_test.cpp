#include "hydra/yaml/yaml.h"

#include "test.h"

using namespace bench;
using bench::test::contains;
using bench::test::error_of;

namespace {
Value load(const std::string& text) {
  return load_yaml(text, "x.yaml");
}
std::string json(const std::string& text) {
  return to_json(load(text));
}
}  // namespace

TEST_CASE("written tags read more than plain texts do, as in PyYAML", "[config]") {
  CHECK(json("[!!int 011, !!int '11:60', !!int -0x1f, !!int 1_0, !!int +0b11, !!int 0o17]") ==
        "[9, 720, -31, 10, 3, 15]");
  CHECK(json("[!!float 011, !!float 1:30, !!float -.inf, !!float 1e3, !!float '1_0.5']") ==
        R"([11.0, 90.0, "-inf", 1000.0, 10.5])");
  CHECK(json("[!!bool tRUE, !!bool Off, !!str 1, !!null x]") == R"([true, false, "1", null])");
  for (const char* text :
       {"!!int 1.0", "!!int 08", "!!int x", "!!float x", "!!float 1:x", "!!bool y"})
    CHECK(contains(error_of([&] { load(text); }), "' is no "));
}

TEST_CASE("a tag ends with a blank", "[config]") {
  CHECK(load_yaml("a: !!str \"x\"\n", "f").find("a")->string() == "x");
  CHECK(load_yaml("[!!str,\"x\"]\n", "f").list().size() == 2);
  for (const char* text : {"a: !\"x\"\n", "a: !!str'x'\n", "a: !!str|\n x\n", "a: ![1]\n"})
    CHECK(contains(error_of([&] { load_yaml(text, "f"); }), "f:1: a blank is due between a tag"));
}

TEST_CASE("plain scalars get their YAML 1.1 types, with OmegaConf's floats", "[config]") {
  CHECK(json("[yes, No, on, y, tRUE]") == R"([true, false, true, "y", "tRUE"])");
  CHECK(json("[~, null, Null, nULL, None]") == R"([null, null, null, "nULL", "None"])");
  CHECK(json("[012, 0x1F, 0b11, 0o17, 08, 1_000]") == R"([10, 31, 3, "0o17", "08", 1000])");
  CHECK(json("[1:30, 190:20:30, 1:30.5]") == "[90, 685230, 90.5]");
  CHECK(json("[1e5, 1.e3, .5, .5e+3, 1., +.5]") == R"([100000.0, 1000.0, 0.5, 500.0, 1.0, "+.5"])");
  CHECK(json("[.inf, -.inf, inf, 2001-01-01]") == R"(["inf", "-inf", "inf", "2001-01-01"])");
  CHECK(json("a: '012'\nb: !!str yes\n") == R"({"a": "012", "b": "yes"})");
}

TEST_CASE("every value knows its file and line", "[config]") {
  const auto v = load("a: 1\nb:\n  c: [x,\n      y]\n");
  CHECK(v.find("a")->origin.line == 1);
  CHECK(v.find("b")->find("c")->origin.line == 3);
  CHECK(v.find("b")->find("c")->list()[1].origin.line == 4);
  CHECK(v.find("a")->origin.file.text() == "x.yaml");
}

TEST_CASE("merge keys and aliases are expanded", "[config]") {
  CHECK(json("a: &x {k: 1, m: 2}\nb: {<<: *x, k: 3}\n") ==
        R"({"a": {"k": 1, "m": 2}, "b": {"k": 3, "m": 2}})");
  CHECK(json("a: &x [1]\nb: [*x, *x]\n") == R"({"a": [1], "b": [[1], [1]]})");
  CHECK(contains(error_of([] { load("a: &x [*x]\n"); }), "recursive aliases"));
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    bomb += fmt::format("a{0}: &a{0} [", i);
    for (int k = 0; k < 10; ++k) bomb += fmt::format("{}*a{}", k ? ", " : "", i - 1);
    bomb += "]\n";
  }
  CHECK(contains(error_of([&] { load(bomb); }), "more than 10000 nodes"));
}

TEST_CASE("what yaml-cpp lets pass is refused with file and line", "[config]") {
  CHECK(contains(error_of([] { load("a: 1\nb: 2\na: 3\n"); }),
                 "x.yaml:3: found duplicate key a; it was first given in line 1"));
  CHECK(contains(error_of([] { load("a: =\n"); }), "quote it"));
  CHECK(contains(error_of([] { load("a: 1\n---\nb: 2\n"); }), "second document"));
  CHECK(contains(error_of([] { load("a: 'x\n"); }), "never ends"));
  CHECK(contains(error_of([] { load("a: 1\nb\n"); }), "x.yaml:2: expected ':'"));
  CHECK(contains(error_of([] { load("a: !foo x\n"); }), "unknown tag"));
  CHECK(contains(error_of([] { load("null: 1\n"); }), "Incompatible key type"));
  CHECK(contains(error_of([] { load("a: ${b\n"); }), "x.yaml:1: interpolation syntax"));
  CHECK(contains(error_of([] { load("a: " + std::string(300, '[')); }), "x.yaml:1:"));
  CHECK(contains(error_of([] { load("a: 99999999999999999999\n"); }), "64 bits"));
  CHECK(contains(error_of([] { load("42\n"); }), "not a lone int"));
}

TEST_CASE("keys that are no texts stay what they are", "[config]") {
  const auto v = load("1: a\n'1': b\nyes: c\n");
  REQUIRE(v.map().size() == 3);
  CHECK(v.map()[0].kind == Value::Entry::Kind::Int);
  CHECK(v.find("1")->string() == "b");
}

TEST_CASE("dumps look like OmegaConf's and read back equal", "[config]") {
  const std::string text =
      "a: 1\nb:\n- 1.0\n- 'yes'\n- x: null\n  'n': '1'\nc: {}\nd: []\ne: 'a: b'\nf: \"x\\ty\"\n";
  CHECK(to_yaml(load(text)) == text);
  const Value lines{Value::Map{{"s", "two\nlines "}, {"t", "# no comment"}}};
  CHECK(load(to_yaml(lines)) == lines);
}
