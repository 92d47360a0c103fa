#include "config/reference.h"

#include "base/digest.h"
#include "hydra/yaml/yaml.h"
#include "test.h"

using namespace bench;
using bench::test::contains;
using bench::test::error_of;

namespace {

const std::vector<Declared> kParts{
    {"",
     "A trial.",
     {key("sparsity", 0.5, "share removed").range(0, 1),
      required("model", Key::Type::Map, "the network")}},
    {"criterion", "Scores.", {required("name", Key::Type::String, "which one").one_of({"a", "b"})}},
    {"criterion.a",
     "The first.",
     {key("block", 128, "columns | rows").at_least(1).in("columns").without_identity()}},
    {"criterion.b", "Has no keys.", {}}};

}  // namespace

TEST_CASE("explain prints a key, what is below it, or what ends in it", "[config]") {
  const auto block = "criterion.a.block (int), default 128, >= 1, in columns\n    columns | rows\n";
  CHECK(explain(kParts, "criterion.a.block", "text") == block);
  CHECK(explain(kParts, "block", "text") == block);
  CHECK(explain(kParts, "criterion.a", "text") ==
        "criterion.a\n    The first.\n" + std::string(block));
  CHECK(explain(kParts, "b", "text") == "criterion.b\n    Has no keys.\n");
  CHECK(explain(kParts, "sparsity", "text") ==
        "sparsity (float), default 0.5, [0, 1]\n    share removed\n");
  CHECK(contains(explain(kParts, "", "text"), "model (map), required\n    the network\n"));
  CHECK(contains(explain(kParts, "", "text"), "    one of: a, b\n"));
  CHECK(contains(error_of([] { explain(kParts, "blokc", "text"); }), "did you mean block?"));
}

TEST_CASE("explain knows JSON and Markdown", "[config]") {
  CHECK(explain(kParts, "block", "json") ==
        R"([{"key": "criterion.a.block", "type": "int", "required": false, "default": 128, )"
        R"("low": 1.0, "unit": "columns", "identity": false, "doc": "columns | rows"}])"
        "\n");
  const auto page = explain(kParts, "", "markdown");
  CHECK(page.rfind("# Every configuration key\n", 0) == 0);
  CHECK(contains(page, "\n## `criterion.a`\n\nThe first.\n\n| key | type | default | meaning |\n"));
  CHECK(contains(page,
                 "| `criterion.a.block` | int >= 1, columns | `128` | columns \\| rows (no part"
                 " of ids) |\n"));
  CHECK(contains(page, "| `model` | map | required | the network |\n"));
  CHECK(contains(page, "\n## `criterion.b`\n\nHas no keys.\n"));
}

// The canonical form is for ever: rows of old databases are found by it.
TEST_CASE("the canonical form and its digest are nailed", "[config]") {
  const Schema schema{key("ratio", 0.5, "").range(0, 1),
                      key("eps", 1e-3, ""),
                      key("n", 1, ""),
                      key("tie", "stable", ""),
                      key("shrink", false, ""),
                      key("threads", 1, "").without_identity(),
                      key("layers", std::vector<int>{}, "")};
  const auto text = [&](const std::string& yaml) {
    return identity_text(schema.canonical(schema.complete(load_yaml(yaml, ""), "")));
  };
  CHECK(text("{}") == "{}");
  CHECK(text("{ratio: 0.5, n: 1, tie: stable, threads: 9}") == "{}");
  const auto all = text("{tie: 'x\"é', shrink: true, n: 2, eps: 1e-5, ratio: 1, layers: [3, 1]}");
  CHECK(all == R"({"eps": 1e-05, "layers": [3, 1], "n": 2, "ratio": 1.0, "shrink": true, )"
               R"("tie": "x\"é"})");
  CHECK(sha256_hex(all).substr(0, 16) == "c3d3d7ec6b80635a");
  // A new key with its default, or another order of declarations, changes nothing.
  const Schema later{key("tie", "stable", ""), key("new", 7, ""), key("ratio", 0.5, "")};
  const auto old = load_yaml("{ratio: 0.25, tie: x}", "");
  CHECK(identity_text(later.canonical(later.complete(old, ""))) ==
        identity_text(schema.canonical(schema.complete(old, ""))));
  CHECK(identity_text(load_yaml("{b: {d: 1, c: [{f: 1, e: 2}]}, a: null}", "")) ==
        R"({"a": null, "b": {"c": [{"e": 2, "f": 1}], "d": 1}})");
}
