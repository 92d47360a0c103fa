#include "hydra/compose/compose.h"

#include "config/completion.h"
#include "hydra/compose/inspect.h"
#include "hydra/tree.h"

using namespace bench;
using bench::test::contains;
using bench::test::error_of;
using bench::test::Tree;

namespace {
Tree bench_tree() {
  return Tree({{"config.yaml",
                "defaults:\n  - model: tiny\n  - criterion: wanda\n  - optional extra: none\n"
                "  - _self_\nseed: 0\nfast: false\nname: ${model.name}-s${seed}\n"},
               {"model/tiny.yaml", "name: tiny\nlayers: 4\n"},
               {"model/small.yaml", "name: small\nlayers: 12\n"},
               {"criterion/wanda.yaml", "name: wanda\n"},
               {"criterion/magnitude.yaml", "name: magnitude\n"},
               {"recipe/quick.yaml",
                "# @package _global_\ndefaults:\n  - override /model: small\nseed: 9\n"}});
}
}  // namespace

TEST_CASE("defaults, overrides of groups and of values", "[config]") {
  const auto tree = bench_tree();
  CHECK(tree.config() ==
        R"({"model": {"name": "tiny", "layers": 4}, "criterion": {"name": "wanda"},)"
        R"( "seed": 0, "fast": false, "name": "${model.name}-s${seed}"})");
  const auto small = compose(tree.request({"model=small", "seed=3", "+new.a=1", "~fast"}));
  CHECK(to_json(resolve(small.config)) ==
        R"({"model": {"name": "small", "layers": 12}, "criterion": {"name": "wanda"}, "seed": 3,)"
        R"( "name": "small-s3", "new": {"a": 1}})");
  CHECK(small.choices.at("model") == "small");
  CHECK(contains(tree.config({"+recipe=quick"}), R"("seed": 9)"));
  CHECK(contains(tree.config({"+recipe=quick"}), R"("name": "small")"));
  CHECK(contains(tree.config({"+model@teacher=small"}), R"("teacher": {"name": "small")"));
}

TEST_CASE("--config-dir adds options, the primary's folder wins", "[config]") {
  const auto tree = bench_tree();
  const Tree more({{"model/big.yaml", "name: big\n"}, {"model/tiny.yaml", "name: other\n"}});
  auto request = tree.request({"model=big"});
  request.search_path = {more.folder.path};
  CHECK(compose(request).config.find("model")->find("name")->string() == "big");
  request.overrides = {};
  CHECK(compose(request).config.find("model")->find("name")->string() == "tiny");
}

TEST_CASE("the configuration and its making can be shown", "[config]") {
  const auto tree = bench_tree();
  const auto request = tree.request({"model=small"});
  CHECK(contains(show_config(request, "job"), "name: ${model.name}-s${seed}"));
  CHECK(contains(show_config(request, "job", {true, ""}), "name: small-s0"));
  CHECK(show_config(request, "job", {false, "criterion"}) == "# @package criterion\nname: wanda\n");
  CHECK(contains(show_config(request, "all"), "hydra:"));
  CHECK(contains(error_of([&] { show_config(request, "job", {false, "modle"}); }), "model"));
  CHECK(contains(show_info(request, "defaults-tree"),
                 "config:\n  model: small\n  criterion: wanda\n  _self_\n"));
  CHECK(contains(show_info(request, "defaults"),
                 "| model/small     | model     | False  | config |"));
  CHECK(contains(show_info(request, "searchpath"), tree.folder.path.string()));
  CHECK(contains(error_of([&] { show_info(request, "default"); }), "did you mean defaults"));
}

TEST_CASE("completion knows groups, options, keys and prefixes", "[config]") {
  const auto tree = bench_tree();
  using Words = std::vector<std::string>;
  const std::vector<KnownKey> declared{{"criterion.name", {"magnitude", "ria"}},
                                       {"criterion.wanda.norm", {"l1", "l2"}},
                                       {"criterion.magnitude.power", {}},
                                       {"seed", {}},
                                       {"device", {"cpu", "cuda"}}};
  const auto words = [&](const std::string& word) {
    return complete(tree.request(), word, [&] { return declared; });
  };
  CHECK(words("mod") == Words{"model.", "model="});
  CHECK(words("model=") == Words{"model=small", "model=tiny"});
  CHECK(words("model=tiny,s") == Words{"model=tiny,small"});
  CHECK(words("model.l") == Words{"model.layers="});
  CHECK(words("+rec") == Words{"+recipe="});
  CHECK(words("~cri") == Words{"~criterion", "~criterion."});
  CHECK(words("fast=") == Words{"fast=false", "fast=true"});
  CHECK(words("criterion.name=ma") == Words{"criterion.name=magnitude"});
  CHECK(words("+criterion.n") == Words{"+criterion.norm="});  // of the chosen one, and absent
  CHECK(words("+criterion.norm=") == Words{"+criterion.norm=l1", "+criterion.norm=l2"});
  CHECK(words("+see") == Words{});  // it is there already
  CHECK(words("++see") == Words{"++seed="});
  CHECK(words("+dev") == Words{"+device="});
  CHECK(words("seed=" + tree.folder.path.string() + "/conf") ==
        Words{"seed=" + tree.folder.path.string() + "/config.yaml"});
  for (const char* shell : {"bash", "zsh", "fish"})
    CHECK(contains(completion_script(shell), std::string("-sc query=") + shell));
  CHECK(contains(error_of([] { completion_script("bsh"); }), "did you mean bash"));
}
