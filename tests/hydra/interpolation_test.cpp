#include "hydra/interpolation/interpolation.h"

#include "hydra/compose/merge.h"
#include "hydra/yaml/yaml.h"
#include "test.h"

using namespace bench;
using bench::test::contains;
using bench::test::error_of;

namespace {
std::string resolved(const std::string& yaml, const std::string& key,
                     const ResolveContext& context = {}) {
  return to_json(select(load_yaml(yaml, "x.yaml"), key, context).value);
}
std::string error(const std::string& yaml, const std::string& key = "a") {
  return error_of([&] { resolved(yaml, key); });
}
}  // namespace

TEST_CASE("keys, relative keys, brackets and nesting", "[config]") {
  const std::string tree = "p: {x: 1, y: '${.x}', z: {w: '${..x}'}}\nl: [7, '${.0}', '${.-2}']\n";
  CHECK(resolved(tree + "a: ${p.x}\n", "a") == "1");
  CHECK(resolved(tree, "p.z.w") == "1");
  CHECK(resolved(tree, "l") == "[7, 7, 7]");
  CHECK(resolved(tree + "k: p\na: ${${k}[x]}\n", "a") == "1");
  CHECK(resolved(tree + "a: ${p}\n", "a.z.w") == "1");
}

TEST_CASE("one interpolation keeps its type, mixed text is Python's", "[config]") {
  CHECK(resolved("n: null\nt: true\nf: 1.0\na: x${n}${t}${f}\n", "a") == "\"xNoneTrue1.0\"");
  CHECK(resolved("l: [1, x]\na: ${l}\nb: '${l}!'\n", "a") == R"([1, "x"])");
  CHECK(resolved("l: [1, x]\nb: '${l}!'\n", "b") == R"("[1, 'x']!")");
  CHECK(resolved("a: '\\${b}'\n", "a") == "\"${b}\"");
  CHECK(resolved("b: 1\na: '\\\\${b}'\n", "a") == "\"\\\\1\"");
}

TEST_CASE("resolvers", "[config]") {
  ResolveContext context;
  context.env = [](const std::string& name) {
    return name == "SET" ? std::optional<std::string>("12") : std::nullopt;
  };
  CHECK(resolved("a: ${oc.env:SET}\n", "a", context) == "\"12\"");
  CHECK(resolved("a: ${oc.env:UNSET,33}\n", "a", context) == "\"33\"");
  CHECK(resolved("a: ${oc.env:UNSET,null}\n", "a", context) == "null");
  CHECK(resolved("a: ${oc.decode:${oc.env:SET}}\n", "a", context) == "12");
  CHECK(resolved("a: ${oc.select:nope,[1,x]}\n", "a") == R"([1, "x"])");
  CHECK(resolved("m: {x: 1, y: 2}\na: ${oc.dict.keys:m}\n", "a") == R"(["x", "y"])");
  CHECK(resolved("m: {x: 1, y: '${m.x}'}\na: ${oc.dict.values:m}\n", "a") == "[1, 1]");
  CHECK(resolved("a: '${oc.create:{k: 1}}'\n", "a.k") == "1");
  std::vector<std::string> warnings;
  context.warnings = &warnings;
  CHECK(resolved("new: 5\na: ${oc.deprecated:new}\n", "a", context) == "5");
  REQUIRE(warnings.size() == 1);
  CHECK(contains(warnings[0], "'a' is deprecated"));
  context.now = 86400;
  CHECK(resolved("a: ${now:%Y}\n", "a", context) == "\"1970\"");
}

TEST_CASE("errors name file, line, key and near ones", "[config]") {
  CHECK(
      contains(error("seed: 1\na: ${sede}\n"), "x.yaml:2: a: Interpolation key 'sede' not found"));
  CHECK(contains(error("seed: 1\na: ${sede}\n"), "did you mean seed?"));
  CHECK(contains(error("a: ${oc.evn:X}\n"), "did you mean oc.env?"));
  CHECK(contains(error("a: ${b}\nb: ${a}\n"), "Recursive interpolation detected"));
  CHECK(contains(error("a: {b: '${a}'}\n", "a.b"), "Interpolation to parent node detected"));
  CHECK(contains(error("m: ???\na: ${m}\n"), "Missing mandatory value: m"));
  CHECK(contains(error("a: ${python_version:}\n"), "no Python runs here"));
}

TEST_CASE("texts that double themselves stop at a limit", "[config]") {
  std::string yaml = "a0: xxxxxxxxxx\n";
  for (int i = 1; i < 40; ++i) yaml += fmt::format("a{0}: ${{a{1}}}${{a{1}}}\n", i, i - 1);
  CHECK_FALSE(error(yaml, "a39").empty());
}

TEST_CASE("merging", "[config]") {
  const auto merged = [](const std::string& a, const std::string& b, MergeOptions options = {}) {
    auto root = load_yaml(a, "a.yaml");
    merge_into(root, load_yaml(b, "b.yaml"), options);
    return to_json(root);
  };
  CHECK(merged("a: {x: 1}\nl: [1]\n", "a: {y: 2}\nl: [2, 3]\n") ==
        R"({"a": {"x": 1, "y": 2}, "l": [2, 3]})");
  CHECK(merged("a: 1\n", "a: ???\n") == R"({"a": 1})");
  CHECK(merged("a: ${b}\nb: {x: 1}\n", "a: {y: 2}\n") ==
        R"({"a": {"x": 1, "y": 2}, "b": {"x": 1}})");
  CHECK(contains(error_of([&] {
                   merged("seed: 1\n", "sede: 2\n", {true, false});
                 }),
                 "b.yaml:1: Key 'sede' is not in struct; did you mean seed?"));
  CHECK(contains(error_of([&] { merged("a: {x: 1}\n", "a: [1]\n"); }), "incompatible container"));
}
