#include "reports/difference.h"

#include <nlohmann/json.hpp>

#include "front/program.h"
#include "reports/synthetic.h"
#include "test.h"

using namespace bench;
using namespace bench::test;

namespace {

Trial trial(const std::string& id, const std::string& config, const std::string& identity) {
  Trial t;
  t.id = id;
  t.config = config;
  t.identity = identity;
  t.model = "m", t.method = "wanda", t.pattern = "2:4";
  return t;
}

const char* const kConfig =
    R"({"model":{"name":"m","path":"","tokenizer":"auto"},"criterion":{"name":"wanda"},)"
    R"("data":{"seed":0,"file":"x"},"task":{"t":{"name":"perplexity","window":0}},)"
    R"("batch_tokens":4})";
const char* const kIdentity =
    R"({"model":"aa","criterion":{"name":"wanda"},"data":{"file":"x"},"data_bytes":"11",)"
    R"("tasks":{"t":{"name":"perplexity","bytes":"22"}}})";

std::string with(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

std::string names(const std::vector<Differing>& list) {
  std::string out;
  for (const auto& d : list) out += d.name + "=" + both(d) + ";";
  return out;
}

Outcome scored(std::vector<float> items, double value, const std::string& hash = "h") {
  Outcome o;
  o.metrics = {{"arc", "p", "acc", value, 0, 4, "", true, std::move(items), hash}};
  return o;
}

}  // namespace

TEST_CASE("a key counts where the identity differs in what it decides", "[reports]") {
  const Outcome none;
  const auto between = [&](const std::string& config, const std::string& identity) {
    return difference(trial("a", kConfig, kIdentity), none, trial("b", config, identity), none);
  };
  const auto seed = between(with(kConfig, "\"seed\":0", "\"seed\":1"),
                            with(kIdentity, "\"file\":\"x\"", "\"file\":\"x\",\"seed\":1"));
  CHECK(names(seed.settings) == "data.seed=0 | 1;");
  CHECK(seed.inert.empty());
  CHECK(seed.files.empty());

  const auto batch = between(with(kConfig, "tokens\":4", "tokens\":8"), kIdentity);
  CHECK(batch.settings.empty());
  CHECK(names(batch.inert) == "batch_tokens=4 | 8;");

  const auto window = between(with(kConfig, "window\":0", "window\":9"),
                              with(kIdentity, "perplexity\"", "perplexity\",\"window\":9"));
  CHECK(names(window.settings) == "task.t.window=0 | 9;");

  const auto files = between(with(kConfig, "path\":\"\"", "path\":\"/x\""),
                             with(with(kIdentity, "\"aa\"", "\"bb\""), "22", "33"));
  CHECK(names(files.files) == "model=aa | bb;tasks.t.bytes=22 | 33;");
  CHECK(names(files.inert) == "model.path=\"\" | /x;");
  CHECK(files.settings.empty());

  const auto variant = between(with(kConfig, "auto", "spm"),
                               with(kIdentity, "\"aa\"", "\"aa\",\"tokenizer\":\"spm\""));
  CHECK(names(variant.settings) == "model.tokenizer=auto | spm;");
  CHECK(variant.files.empty());
}

TEST_CASE("items: flips, the first, the largest; other lists are not compared", "[reports]") {
  const auto t = trial("a", "{}", "{}");
  const auto of = [&](const Outcome& a, const Outcome& b) {
    return difference(t, a, t, b).metrics.at(0);
  };
  const auto flips = of(scored({0, 1, 1, 0}, 0.5), scored({0, 0, 1, 1}, 0.5));
  CHECK(flips.hits);
  CHECK(flips.differing == 2);
  CHECK(flips.gained == 1);
  CHECK(flips.first == 1);
  CHECK(items_text(flips) == "2 of 4 items flipped (1 gained, 1 lost), the first is item 1: 1 | 0");
  const auto losses = of(scored({2.5f, 2, 3}, 9), scored({2.5f, 2.25f, 7}, 9));
  CHECK(!losses.hits);
  CHECK(losses.first == 1);
  CHECK(losses.largest == 2);
  CHECK(losses.by == 4);
  CHECK(of(scored({1}, 1), scored({1}, 1, "other")).items == -1);
  CHECK(of(scored({1}, 1), scored({1, 0}, 1)).items == -1);
  const float minus = -0.0f;
  CHECK(of(scored({0}, 1), scored({minus}, 1)).differing == 1);  // bits count
  CHECK(std::isnan(difference(t, scored({1}, 1), t, Outcome()).metrics.at(0).b));
  CHECK(std::isnan(difference(t, Outcome(), t, scored({1}, 1)).metrics.at(0).a));
}

TEST_CASE("bench diff: text, JSON, two databases, and what is wrong", "[front]") {
  const TempDir dir;
  const auto path = (dir.path / "a.db").string(), other = (dir.path / "b.db").string();
  for (const auto& [file, threads] : {std::pair(path, "1"), std::pair(other, "2")}) {
    Store store(file);
    std::vector<TrialSpec> specs;
    for (const char* id : {"aaaa", "bbbb"}) {
      TrialSpec spec = trial(id, kConfig, kIdentity);
      if (spec.id == "bbbb") spec.config = with(kConfig, "\"seed\":0", "\"seed\":1");
      if (spec.id == "bbbb") spec.identity = with(kIdentity, "\"x\"", "\"x\",\"seed\":1");
      specs.push_back(spec);
    }
    store.submit(specs);
    for (const auto& spec : specs) {
      store.claim({{spec.id}, "w", "", 600, false, 0});
      auto o = scored({0, 1, 1, spec.id == "aaaa" ? 0.0f : 1.0f}, spec.id == "aaaa" ? 0.5 : 0.75);
      o.environment = {{"threads", threads}};
      o.hashes = {{"data", spec.id}, {"mask/x", spec.id}, {"mask/y", spec.id}};
      o.sparsity = {{"prune", "model", "prunable weights", 8, 4, spec.id == "aaaa" ? 4 : 5}};
      store.finish(spec.id, "w", o);
    }
  }
  const auto said = run("diff a b --db " + path);
  INFO(said.output);
  CHECK(said.code == 0);
  for (const char* part :
       {"data.seed", "0 | 1", "arc p acc", "1 of 4 items flipped (1 gained, 0 lost)",
        "4 of 8 | 5 of 8", "mask/...", "2 differ, by name the first is x", "aaaa | bbbb"})
    CHECK(contains(said.output, part));
  CHECK(!contains(said.output, "environment"));
  const auto json =
      nlohmann::json::parse(run("diff aaaa bbbb --json --db " + path).output, nullptr, false);
  REQUIRE(json.is_object());
  CHECK(json["settings"][0]["name"] == "data.seed");
  CHECK(json["metrics"][0]["gained"] == 1);
  CHECK(contains(run("diff a a --db " + path).output, "nothing differs"));
  const auto machines = run("diff a a --db " + path + " --db-b " + other).output;
  CHECK(contains(machines, "environment"));
  CHECK(contains(machines, "1 | 2"));
  const auto wrong = run("diff a zz --db " + path);
  CHECK(wrong.code == 2);
  CHECK(contains(wrong.output, "no trial 'zz'"));
  CHECK(contains(run("diff a --db " + path).output, "A B is missing"));
}
