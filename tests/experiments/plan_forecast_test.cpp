// bench plan: what is left will take so long.
#include "front/program.h"
#include "test.h"

using namespace bench::test;

TEST_CASE("plan says what is left will cost, by what was measured here", "[plan]") {
  const TempDir dir;
  const auto db = (dir.path / "x.db").string();
  setenv("BENCH_HOME", root().c_str(), 1);
  const auto call = [&](const std::string& verb, const std::string& sweep) {
    const auto config = (dir.path / "sweep.yaml").string();
    std::ofstream(config) << "model: {name: stories260k}\ntask: {s: {name: size}}\n"
                             "criterion: {name: magnitude}\nsparsity: 0.5\n"
                             "launcher: {workers: 1}\nsweep: "
                          << sweep << "\n";
    return run(verb + " " + config + " --db " + db);
  };
  CHECK(!contains(call("plan", "{sparsity: [0.1, 0.2, 0.3]}").output, "what is left"));
  REQUIRE(call("run --no-report", "{sparsity: [0.1, 0.2, 0.3]}").code == 0);
  CHECK(!contains(call("plan", "{sparsity: [0.1, 0.2, 0.3]}").output, "what is left"));
  const auto more = call("plan", "{sparsity: [0.3, 0.4, 0.5]}").output;
  INFO(more);
  CHECK(contains(more, "1 done, 2 missing\nwhat is left: about "));
  CHECK(contains(more, " with 1 worker, at most about "));
  CHECK(contains(more, "by 3 finished trials of this kind of machine\n"));
  const auto other =
      call("plan", "{sparsity: [0.3, 0.4], model.name: [stories260k, babyllama-105]}").output;
  INFO(other);
  CHECK(contains(other, "; 2 trials of kinds that were never measured not counted\n"));
}
