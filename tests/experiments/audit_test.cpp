// Finished trials are run again: what agrees, what was changed, what cannot be run any more.
#include "experiments/ledger.h"
#include "front/program.h"
#include "test.h"

using namespace bench;
using namespace bench::test;

TEST_CASE("audit: what was measured is measured again, and its outcome is a row", "[audit]") {
  Ledger ledger;
  const std::string yaml =
      "model: {name: stories260k}\ncriterion: {name: wanda}\n"
      "data: {nsamples: 2, seqlen: 32, file: text/c4/sample_c4-rp1.jsonl}\n"
      "task: {stories: {name: perplexity, text: text/tinystories_sample_2MiB.txt, windows: 2, "
      "window: 64}}\nsparsity: ";
  const auto one = ledger.add(yaml + "0.5\n"), two = ledger.add(yaml + "0.3\n");
  const auto agrees = run("audit --cells 5 --seed 1 --db " + ledger.db);
  INFO(agrees.output);
  CHECK(agrees.code == 0);
  CHECK(contains(agrees.output, "2 of 2 finished trials run again (seed 1): 2 agree, 0 disagree"));
  CHECK(contains(run("show " + one + " --db " + ledger.db).output, "audit"));
  CHECK(run("audit --cells 1 --seed 3 --db " + ledger.db).output ==
        run("audit --cells 1 --seed 3 --db " + ledger.db).output);  // the same draw
  CHECK(Store(ledger.db).verdicts("audit").size() == 2);  // a later audit takes the place of one

  ledger.sql("UPDATE metric SET value = value + 1 WHERE trial = 1");
  const auto lies = run("audit --cells 5 --db " + ledger.db);
  CHECK(lies.code == 1);
  CHECK(contains(lies.output, "DISAGREES"));
  CHECK(contains(lies.output, "1 agree, 1 disagree"));
  CHECK(contains(run("report --full --db " + ledger.db).output, "INVALID"));
  CHECK(contains(run("audit --cells 0 --db " + ledger.db).output, "--cells"));
}
