// The traps of specification 10 that belong to composition; docs/config.md has a sentence for each.
#include "config/schema.h"
#include "hydra/tree.h"

using namespace bench;
using bench::test::contains;
using bench::test::Tree;

namespace {
Tree tree() {
  return Tree({{"config.yaml", "defaults:\n  - server: a\n  - _self_\nport: 80\nlist: [1]\n"},
               {"server/a.yaml", "host: a\n"},
               {"server/b.yaml", "host: b\n"},
               {"server/g.yaml", "# @package _group_\nhost: g\n"}});
}
}  // namespace

TEST_CASE("T1: _group_ and _name_ are no packages, nothing follows _here_", "[config]") {
  CHECK(contains(tree().error({"+server@_group_=b"}), "`_group_` is not a package"));
  CHECK(contains(tree().error({"+server@_name_.x=b"}), "`_name_` is not a package"));
  CHECK(contains(tree().error({"server=g"}), "`_group_` is not a package"));
  CHECK(contains(tree().error({"+server@_here_.k=b"}), "nothing may follow `_here_`"));
}

TEST_CASE("T2: a scalar does not replace a mapping", "[config]") {
  const Tree packaged({{"config.yaml", "defaults:\n  - server@srv: a\n"},
                       {"server/a.yaml", "host: a\n"},
                       {"server/b.yaml", "host: b\n"}});
  const auto error = packaged.error({"srv=b"});
  CHECK(contains(error, "would replace the mapping 'srv'"));
  CHECK(contains(error, "GROUP@srv=b"));
  CHECK(packaged.config({"server@srv=b"}) == R"({"srv": {"host": "b"}})");
  CHECK(packaged.config({"++srv=null"}) == R"({"srv": null})");
}

TEST_CASE("T3: a value of the wrong type is an error with its place", "[config]") {
  const Schema schema{key("port", 80, "port").range(1, 65535)};
  const auto job = expand(tree().request({"port=abc"})).front();
  Value port{Value::Map{{"port", *job.config.find("port")}}};
  std::vector<std::string> mistakes;
  schema.complete(port, "", mistakes);
  REQUIRE(mistakes.size() == 1);
  CHECK(contains(mistakes[0], "command line: port: expected int, found string \"abc\""));
}

TEST_CASE("T4: two sweeps over one key are an error that names both", "[config]") {
  CHECK(contains(tree().error({"port=1,2", "port=range(3)"}, true),
                 "'port=1,2' and 'port=range(3)' both sweep 'port'"));
  const Tree block({{"config.yaml", "a: 1\nsweep: {a: [1, 2], +a: [3]}\n"}});
  CHECK(contains(block.error(), "both sweep 'a'"));
}

TEST_CASE("T5: jobs are frozen, later edits of files reach none of them", "[config]") {
  const auto files = tree();
  const auto jobs = expand(files.request({"server=a,b"}, true));
  files.write("server/b.yaml", "host: changed\n");
  CHECK(jobs[1].config.find("server")->find("host")->string() == "b");
}

TEST_CASE("T6: zip and conditional sweeps exist", "[config]") {
  const Tree zip({{"config.yaml", "a: 0\nb: 0\nsweep: {zip: {a: [1, 2], b: [3, 4]}}\n"}});
  CHECK(zip.jobs() == "a=1 b=3 | a=2 b=4");
  const Tree when(
      {{"config.yaml", "a: 0\nb: 0\nsweep:\n  - a: [1, 2]\n  - {when: {a: 2}, b: [3, 4]}\n"}});
  CHECK(when.jobs() == "a=1 | a=2 b=3 | a=2 b=4");
}

TEST_CASE("T9: now is one time for all jobs and is recorded in them", "[config]") {
  const Tree files({{"config.yaml", "a: 0\nat: '${now:%s}'\nsweep: {a: [1, 2]}\n"}});
  auto request = files.request();
  request.now = 1000;
  for (const auto& job : expand(request)) CHECK(job.config.find("at")->string() == "1000");
}

TEST_CASE("a value that is still ??? is an error with its place", "[config]") {
  const Tree files({{"config.yaml", "a: 1\ndata:\n  path: ???\n"}});
  CHECK(contains(files.error(), "config.yaml:3: Missing mandatory value: data.path"));
  CHECK(files.error({"data.path=x"}).empty());
}
