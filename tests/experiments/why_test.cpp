// Where two trials part: every seeded fault is named with its level and place.
#include "trial/why.h"

#include "hydra/yaml/yaml.h"
#include "fixture.h"
#include "formats/safetensors.h"
#include "ledger.h"

using namespace bench;
using namespace bench::test;

namespace {

const char* const kConfig = R"(model: {name: stories260k}
criterion: {name: wanda}
data: {preset: first, file: text/tinystories_sample_2MiB.txt, nsamples: 4, seqlen: 32}
sparsity: 0.5
task:
  stories: {name: perplexity, text: text/tinystories_sample_2MiB.txt, windows: 2, window: 64}
)";

Value planned(const std::string& yaml) {
  setenv("BENCH_HOME", root().c_str(), 1);
  std::vector<std::string> mistakes;
  const auto plan = plan_trial(load_yaml(yaml, "test.yaml"), mistakes);
  for (const auto& m : mistakes) UNSCOPED_INFO(m);
  REQUIRE(mistakes.empty());
  return plan.config;
}

Watched watched(const Value& config, Workbench& bench) {
  return [&](const Watch& watch) { watch_trial(config, bench, watch); };
}

/// The same computation, in which one value of one entry is another.
Watched with_fault(Watched run, const std::string& level, const std::string& name, int64_t entry) {
  return [=](const Watch& watch) {
    run([&](const std::string& l, const std::string& n, const Tensor& values) {
      if (l != level || n != name) return watch(l, n, values);
      auto other = values.clone();
      auto one = other.reshape({-1})[entry];
      if (values.scalar_type() == at::kBool)
        one.copy_(one.logical_not());
      else
        one.add_(1);
      watch(l, n, other);
    });
  };
}

const LevelDivergence& first_of(const Divergence& d) {
  REQUIRE(d.first >= 0);
  return d.levels[static_cast<size_t>(d.first)];
}

std::string with(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

/// A copy of a shipped model that may be changed.
std::filesystem::path copied_model(const TempDir& dir) {
  const auto to = dir.path / "model";
  std::filesystem::copy(root() / "data/models/stories260k", to);
  for (const auto& f : std::filesystem::directory_iterator(to))
    std::filesystem::permissions(f.path(), std::filesystem::perms::owner_all);
  return to;
}

}  // namespace

TEST_CASE("a trial computed twice is the same at every level", "[why]") {
  const auto config = planned(kConfig);
  Workbench bench, other;
  const auto d = find_divergence(watched(config, bench), watched(config, other));
  CHECK(d.first == -1);
  REQUIRE(d.levels.size() == watched_levels().size());
  for (size_t i = 0; i < d.levels.size(); ++i) {
    CHECK(d.levels[i].level == watched_levels()[i]);
    CHECK(d.levels[i].entries > 0);
    CHECK(d.levels[i].differing == 0);
  }
}

TEST_CASE("a fault planted at each level is named with its place", "[why]") {
  const auto config = planned(kConfig);
  Workbench bench;
  const auto run = watched(config, bench);
  const std::string q = "model.layers.1.self_attn.q_proj";
  struct Fault {
    std::string level, name;
    int64_t entry;
    std::string place;
  };
  const std::vector<Fault> faults{
      {"model", "model.norm.weight", 5, "position 5: "},
      {"tokens", "stories wanda@8e8fc87 item 1", 17, "position 17: "},
      {"calibration", "sample 2", 9, "position 9: "},
      {"statistics", q + " input_moments sums", 64 + 3, "row 1, column 3: "},
      {"mask", q, 2 * 64 + 7, "row 2, column 7: "},
      {"weights", q + ".weight", 64, "row 1, column 0: "},
      {"logits", "stories", 3 * 512 + 99, "position 3, id 99: "}};
  for (const auto& f : faults) {
    INFO(f.level);
    const auto d = find_divergence(run, with_fault(run, f.level, f.name, f.entry));
    const auto& first = first_of(d);
    CHECK(first.level == f.level);
    CHECK(first.name == f.name);
    INFO(first.place);
    CHECK(first.place.rfind(f.place, 0) == 0);
    CHECK(contains(first.place, f.level == "mask" ? "(1 of 4096 bits differ)" : "(1 of "));
    CHECK(first.differing == 1);
    for (const auto& l : d.levels) CHECK((l.differing > 0) == (l.level == f.level));
  }
}

TEST_CASE("the first in time is the first: a mask before the statistics that follow from it",
          "[why]") {
  // Other calibration ids change statistics everywhere; another allocator only masks, from block 0.
  const auto a = planned(kConfig), b = planned(with(kConfig, "0.5", "0.4"));
  Workbench bench;
  const auto d = find_divergence(watched(a, bench), watched(b, bench));
  const auto& first = first_of(d);
  CHECK(first.level == "mask");
  CHECK(first.name == "model.layers.0.self_attn.q_proj");
  CHECK(contains(first.place, "bits differ"));
  for (const auto& l : d.levels)
    if (l.level == "statistics") {
      CHECK(l.differing > 0);  // of later blocks
      CHECK(l.name.rfind("model.layers.1.", 0) == 0);
    }
}

TEST_CASE("places: lengths, shapes, bits of floats", "[why]") {
  const auto ids = [](std::vector<int64_t> v) { return at::tensor(v, at::kLong); };
  CHECK(place_of("tokens", ids({1, 2, 3}), ids({1, 5, 3, 4})) ==
        "position 1: 2 | 5 (1 of 3 differ; length 3 | 4)");
  CHECK(place_of("tokens", ids({1, 2}), ids({1, 2, 3})) ==
        "one is the beginning of the other; length 2 | 3");
  CHECK(place_of("weights", at::zeros({2, 2}), at::zeros({2, 3})) == "shape 2x2 | 2x3");
  CHECK(place_of("weights", at::zeros({2}), at::zeros({2}).neg()) ==
        "position 0: 0 | -0 (2 of 2 differ)");
  CHECK(place_of("weights", at::zeros({2}), at::zeros({2}, at::kDouble)) == "Float | Double");
  auto mask = at::ones({2, 3}, at::kBool);
  auto other = mask.clone();
  other[1][2] = false;
  CHECK(place_of("mask", mask, other) == "row 1, column 2: kept | pruned (1 of 6 bits differ)");
}

TEST_CASE("bench why: config, token, calibration id, weight, each by its cause", "[why]") {
  Ledger ledger;
  const auto base = ledger.add(kConfig);
  const auto line = [&](const std::string& other, const std::string& what) {
    const auto said = ledger.why(base + " " + other);
    INFO(said);
    std::istringstream in(said);
    for (std::string one; std::getline(in, one);)
      if (one.rfind(what, 0) == 0) return one;
    CHECK(false);
    return std::string();
  };
  const auto config = ledger.add(with(kConfig, "wanda", "magnitude"));
  CHECK(contains(line(config, "first divergence: "), "config: criterion.name: wanda | magnitude"));
  CHECK(contains(line(config, "of what is computed: "), "model.layers.0.self_attn.q_proj"));

  // One word of the text is another: the token is named.
  auto text = slurp(root() / "data/text/tinystories_sample_2MiB.txt");
  const auto file = (ledger.dir.path / "tinystories_sample_2MiB.txt").string();
  std::ofstream(file) << with(text, " little ", " small ");
  const auto token =
      ledger.add(with(kConfig, "text: text/tinystories_sample_2MiB.txt", "text: " + file));
  CHECK(contains(line(token, "first divergence: "), "task.stories.text"));
  CHECK(contains(line(token, "of what is computed: "),
                 "tokens: stories wanda@8e8fc87 item 0: "
                 "position "));
  const auto calibration =
      ledger.add(with(kConfig, "file: text/tinystories_sample_2MiB.txt", "file: " + file));
  CHECK(contains(line(calibration, "of what is computed: "), "calibration: sample 0: position "));

  // One weight of the model's file is another.
  const auto model = copied_model(ledger.dir);
  auto tensors = read_safetensors((model / "model.safetensors").string());
  TensorMap changed;
  for (const auto& [name, t] : tensors) changed[name] = t.clone();
  changed.at("model.layers.2.mlp.up_proj.weight")[4][6] += 0.5;
  write_safetensors((model / "model.safetensors").string(), changed);
  const auto weight = ledger.add(
      with(kConfig, "{name: stories260k}", "{name: stories260k, path: " + model.string() + "}"));
  CHECK(contains(line(weight, "first divergence: "), "config: model: "));
  CHECK(contains(line(weight, "of what is computed: "),
                 "model: model.layers.2.mlp.up_proj.weight: row 4, column 6: "));
  const auto without = ledger.why("--no-run " + base + " " + weight);
  CHECK(!contains(without, "computed again"));
  CHECK(contains(without, "of what is recorded: model: hash"));
}

TEST_CASE("bench why: what was recorded elsewhere and is not computed here", "[why]") {
  Ledger ledger;
  const auto id = ledger.add(kConfig);
  const auto other = (ledger.dir.path / "y.db").string();
  std::filesystem::copy_file(ledger.db, other);
  const auto same = ledger.why(id + " " + id + " --db-b " + other);
  CHECK(contains(same, "nothing differs"));
  CHECK(!contains(same, "computed again"));
  CHECK(contains(ledger.why("--run " + id + " " + id), "computed again"));

  const std::string q = "model.layers.1.self_attn.q_proj";
  const std::pair<std::string, std::string> faults[] = {
      {"statistics/" + q + " input_moments sums", "statistics: " + q + " input_moments sums"},
      {"mask/" + q, "mask: " + q},
      {"weights/" + q + ".weight", "weights: " + q + ".weight"},
      {"logits/stories", "logits: stories"},
      {"data", "calibration"},
      {"weights", "model"}};
  for (const auto& [name, place] : faults) {
    INFO(name);
    std::filesystem::copy_file(other, ledger.db, std::filesystem::copy_options::overwrite_existing);
    ledger.sql("UPDATE hash SET value = 'ffff' WHERE name = '" + name + "'");
    const auto said = ledger.why(id + " " + id + " --db-b " + other);
    INFO(said);
    CHECK(contains(said, "first divergence: " + place));
    CHECK(contains(said, "A as it was recorded is not what this machine computes: " + place));
    CHECK(!contains(said, "B as it was recorded"));
  }
  std::filesystem::copy_file(other, ledger.db, std::filesystem::copy_options::overwrite_existing);
  ledger.sql("UPDATE item_scores SET scores = x'0000803f00000040'");
  CHECK(contains(ledger.why(id + " " + id + " --db-b " + other),
                 "first divergence: scores: tinystories_sample_2MiB-first2@64 wanda@8e8fc87 ppl"));
}

TEST_CASE("bench why: mistakes are sentences", "[why]") {
  Ledger ledger;
  const auto id = ledger.add(kConfig);
  const auto ran = bench::test::run("why " + id + " zz --db " + ledger.db);
  CHECK(ran.code == 2);
  CHECK(contains(ran.output, "no trial 'zz'"));
  ledger.sql("UPDATE trial SET config = replace(config, '\"stories260k\"', '\"gone\"')");
  const auto gone = bench::test::run("why --run " + id + " " + id + " --db " + ledger.db);
  CHECK(gone.code == 2);
  CHECK(contains(gone.output, "cannot be computed again here"));
}
