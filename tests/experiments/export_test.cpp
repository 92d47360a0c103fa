// export: what a trial measured is in the folder, or there is no folder.
#include "fixture.h"
#include "ledger.h"

using namespace bench;
using namespace bench::test;

namespace {

const char* const kTask = R"(
data: {preset: first, file: text/tinystories_sample_2MiB.txt, nsamples: 4, seqlen: 32}
sparsity: 0.5
task:
  stories: {name: perplexity, text: text/tinystories_sample_2MiB.txt, windows: 2, window: 64}
)";
const std::string kMasked =
    std::string("model: {name: stories260k}\ncriterion: {name: wanda}") + kTask;
const std::string kHeads =
    std::string(
        "model: {name: stories260k}\ncriterion: {name: wanda_structured}\nshrink: true\n"
        "pattern: {kind: structured, groups: [head, neuron], exempt_first: 0, exempt_last: 0}") +
    kTask;
const std::string kExempt =
    std::string(
        "model: {name: opt-ts-1m}\ncriterion: {name: wanda_structured}\nshrink: true\n"
        "pattern: {kind: structured, groups: [head, neuron], exempt_first: 1, exempt_last: 0}") +
    kTask;

Ran exported(const Ledger& ledger, const std::string& words) {
  return run("export --db " + ledger.db + " " + words);
}

int64_t parameters(const std::filesystem::path& folder) {
  int64_t all = 0;
  for (const auto& [name, t] : read_safetensors((folder / "model.safetensors").string()))
    all += t.numel();
  return all;
}

}  // namespace

TEST_CASE("a masked and a uniformly shrunk trial become ordinary folders", "[export]") {
  Ledger ledger;
  for (const auto& yaml : {kMasked, kHeads}) {
    const auto id = ledger.add(yaml);
    const auto to = ledger.dir.path / id;
    const auto ran = exported(ledger, id + " " + to.string());
    INFO(ran.output);
    REQUIRE(ran.code == 0);
    CHECK(contains(ran.output, "weights equal bit for bit"));
    CHECK(contains(ran.output, "stories"));
    CHECK(std::filesystem::exists(to / "tokenizer.model"));
    CHECK(std::filesystem::exists(to / "prunebench.json"));
    CHECK(!std::filesystem::exists(to.string() + ".partial"));
    if (yaml == kHeads) CHECK(parameters(to) < 200'000);  // of 260,032
    CHECK(contains(exported(ledger, id + " " + to.string()).output, "is there already"));
  }
}

TEST_CASE("widths that transformers does not know are padded or written compactly", "[export]") {
  Ledger ledger;
  const auto id = ledger.add(kExempt);
  const auto to = (ledger.dir.path / "out").string();
  const auto plain = exported(ledger, id + " " + to);
  CHECK(plain.code == 2);
  CHECK(contains(plain.output, "--padded"));
  CHECK(!std::filesystem::exists(to));
  CHECK(!std::filesystem::exists(to + ".partial"));
  for (const std::string layout : {"--padded", "--compact"}) {
    const auto ran = exported(ledger, layout + " " + id + " " + to + layout);
    INFO(ran.output);
    CHECK(ran.code == 0);
  }
  CHECK(parameters(to + "--compact") < parameters(to + "--padded"));
  CHECK(contains(exported(ledger, "--padded --compact " + id + " " + to).output, "choose one"));
}

TEST_CASE("what is no trial, or was changed since, is not exported", "[export]") {
  Ledger ledger;
  CHECK(contains(exported(ledger, "abc " + (ledger.dir.path / "x").string()).output, "no "));
  const auto id = ledger.add(kMasked);
  ledger.sql("update metric set value = value * 1.1");
  const auto to = (ledger.dir.path / "out").string();
  const auto ran = exported(ledger, id + " " + to);
  CHECK(ran.code == 2);
  CHECK(contains(ran.output, "does not score as trial"));
  CHECK(!std::filesystem::exists(to));
}
