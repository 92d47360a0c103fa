// A remedy that a sentence names is run: families x what was pruned x layout.
#include "inputs/program.h"

using namespace bench;
using namespace bench::test;

TEST_CASE("inputs: export offers only layouts that it can write", "[inputs]") {
  for (const std::string model : {"opt-ts-1m", "bloom-ts-1m", "stories260k"}) {
    INFO(model);
    TempDir dir;
    const auto db = (dir.path / "x.db").string();
    REQUIRE(run("run " + case_file("lm.yaml") + " --config-dir " + (root() / "configs").string() +
                " --no-report launcher.workers=1 --db " + db + " model=" + model +
                " pattern=hidden criterion=magnitude propagation=dense sparsity=0.25 shrink=true "
                "++task.t.limit=8 task.t.task=" +
                case_file("labels/gold_bool.yaml"))
                .code == 0);
    const auto id = Store(db, Store::Mode::ReadOnly).trials().front().id;
    const auto exported = [&](const std::string& flag) {
      return run("export " + id + " " + (dir.path / ("to" + flag)).string() + " --db " + db + " " +
                 flag);
    };
    const auto plain = exported("");
    INFO(plain.output);
    // LLaMA's class takes a head's size from config.json: there nothing else is needed.
    CHECK((plain.code == 0) == (model == "stories260k"));
    if (plain.code != 0) CHECK(contains(plain.output, "--compact"));
    CHECK(!contains(plain.output, "--padded"));
    const auto compact = exported("--compact");
    INFO(compact.output);
    CHECK(compact.code == 0);
    CHECK(contains(exported("--padded").output, "--compact"));
  }
}
