// A trial with a recovery: its verdicts know what it was trained on, its identity what it is.
#include "ledger.h"

using namespace bench;
using namespace bench::test;

namespace {

std::string config(const std::string& sparsity, const std::string& stage) {
  return "model: {name: stories260k}\ncriterion: {name: magnitude}\nsparsity: " + sparsity +
         "\nafter:\n  recover: {" + stage +
         "}\ntask:\n"
         "  stories: {name: perplexity, text: text/tinystories_sample_2MiB.txt, windows: 2, "
         "window: 64}\n"
         "  wiki: {name: perplexity, text: text/wikitext2/wiki.test.raw, windows: 1, window: 64}\n";
}

const std::string kTraining =
    "file: text/tinystories_sample_2MiB.txt, rows: 12, validation: 2, steps: 2, batch: 2, "
    "micro_batch: 1, cutoff: 300, warmup: 0";

const VerdictRow* leak(const Outcome& o, const std::string& about) {
  for (const auto& v : o.verdicts)
    if (v.rule == "calibration_leak" && contains(v.detail, about)) return &v;
  return nullptr;
}

}  // namespace

TEST_CASE("training on the evaluated text is a leak, on another it is not", "[recovery]") {
  Ledger ledger;
  const auto id = ledger.add(config("0.5", "name: lora, " + kTraining));
  const auto o = Store(ledger.db).outcome(id);
  const auto* stories = leak(o, "trained on the evaluated file");
  REQUIRE(stories);
  CHECK(!stories->ok);
  const auto* wiki = leak(o, "wiki");
  REQUIRE(wiki);
  CHECK(wiki->ok);
  bool recovered = false;
  for (const auto& v : o.verdicts)
    recovered = recovered || (v.rule == "mask_holds" && contains(v.detail, "recovery"));
  CHECK(recovered);
}

TEST_CASE("a dense model that was trained is not held against the dense gate", "[recovery]") {
  Ledger ledger;
  const auto id = ledger.add(config("0", "name: finetune, lr: 1e-2, " + kTraining));
  for (const auto& v : Store(ledger.db).outcome(id).verdicts) CHECK(v.rule != "dense_gate");
  CHECK(id != ledger.add(config("0", "name: finetune, lr: 2e-2, " + kTraining)));
}
