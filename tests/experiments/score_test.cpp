// score and show request, against recorded systems and against themselves.
#include <map>

#include "ask.h"
#include "formats/gzip.h"
#include "test.h"

using namespace bench;
using namespace bench::test;

TEST_CASE("score: greedy continuations are likelier, and an empty context has the prefix token",
          "[ask]") {
  const auto ran = ask("score stories260k", kThree);
  REQUIRE(ran.code == 0);
  const auto rows = rows_of(ran.output);
  REQUIRE(rows.size() == 3);
  CHECK(rows[0]["greedy"] == true);
  CHECK(rows[1]["greedy"] == false);
  CHECK(rows[0]["logprob"].get<double>() / rows[0]["tokens"].get<double>() >
        rows[1]["logprob"].get<double>() / rows[1]["tokens"].get<double>());
  CHECK(rows[0]["context_tokens"] == 5);  // BOS and four
  CHECK(rows[2]["context_tokens"] == 1);
  for (const auto& r : rows) CHECK(r["ids"].size() == r["tokens"].get<size_t>());
}

TEST_CASE("score: a request has the same bits alone and in company", "[ask]") {
  const auto together = rows_of(ask("score stories260k --batch-tokens 1000", kThree).output);
  std::istringstream in(kThree);
  size_t i = 0;
  for (std::string line; std::getline(in, line);) {
    if (line.empty()) continue;
    const auto alone = rows_of(ask("score stories260k --batch-tokens=1", line + "\n").output);
    REQUIRE(alone.size() == 1);
    CHECK(alone[0] == together[i++]);
  }
  CHECK(i == 3);
}

TEST_CASE("score: BOS and prefix are the protocol's", "[ask]") {
  const auto count = [](const std::string& protocol) {
    return rows_of(
               ask("score stories260k --protocol " + protocol, kThree).output)[0]["context_tokens"]
        .get<int>();
  };
  CHECK(count("lm-eval@0.4.13") == 5);
  CHECK(count("lm-eval@0.4.9.1") == 4);
}

TEST_CASE("score: mistakes name the line and the remedy, and nothing is answered", "[ask]") {
  const auto said = [](const std::string& second) {
    return ask("score stories260k", R"({"context": "a", "continuation": " b"})"
                                    "\n" +
                                        second);
  };
  const std::pair<const char*, const char*> cases[] = {
      {"once upon", "standard input:2: is no JSON"},
      {"[1]", "standard input:2: is no JSON object"},
      {R"({"contxt": "a", "continuation": "b"})", "\"contxt\" is there instead"},
      {R"({"context": "a", "continuation": 1})", "\"continuation\" is no text"},
      {R"({"context": "a", "continuation": ""})", "standard input:2: a continuation has no token"}};
  for (const auto& [line, part] : cases) {
    INFO(line);
    const auto ran = said(line);
    CHECK(ran.code == 2);
    CHECK(contains(ran.output, part));
    CHECK(!contains(ran.output, "logprob"));
  }
  CHECK(contains(ask("score storys260k", kThree).output, "stories260k"));
  CHECK(contains(ask("score resnet20", kThree).output, "model of images"));
  CHECK(contains(ask("score stories260k --protocol wanda@8e8fc87", kThree).output,
                 "windows of text"));
  CHECK(contains(ask("score stories260k --batch-tokens 0", kThree).output, "whole number"));
}

TEST_CASE("score: log-likelihoods recorded from lm-eval, by the requests that are shown",
          "[ask][shared]") {
  SKIP_WITHOUT_SHARED();
  const auto file = shared() / "golden/lm_eval/stories260k.lm-eval-0.4.9.1.jsonl.gz";
  std::map<int64_t, Json> recorded;
  std::istringstream lines(read_gzip(file));
  for (std::string line; std::getline(lines, line);) {
    auto r = Json::parse(line);
    if (r["task"] == "winogrande" && r["doc"] < 6) recorded[r["doc"].get<int64_t>()] = r;
  }
  REQUIRE(recorded.size() == 3);
  for (const auto& [doc, theirs] : recorded) {
    const std::string how = " --protocol lm-eval@0.4.9.1";
    const auto shown = rows_of(
        ask("show request winogrande " + std::to_string(doc) + " --json --model stories260k" + how)
            .output);
    REQUIRE(shown.size() == 2);
    std::string requests;
    for (const auto& s : shown)
      requests +=
          Json{{"context", s["context"]}, {"continuation", s["continuation"]}}.dump() + "\n";
    const auto ours = rows_of(ask("score stories260k" + how, requests).output);
    for (size_t k = 0; k < 2; ++k) {
      const auto ll = theirs["ll"][k].get<double>();
      CHECK(std::abs(ours[k]["logprob"].get<double>() - ll) <= 1e-3 + 1e-6 * std::abs(ll));
      CHECK(int(ours[k]["greedy"].get<bool>()) == theirs["greedy"][k].get<int>());
      CHECK(ours[k]["tokens"] == theirs["n_cont"][k]);
      CHECK(ours[k]["context_tokens"] == theirs["n_ctx"][k]);
      CHECK(shown[k]["scored"] == theirs["n_cont"][k]);
      CHECK(shown[k]["continuation_starts_at"] == theirs["n_ctx"][k]);
      CHECK(shown[k]["right"] == (theirs["gold"].get<size_t>() == k));
    }
  }
}

TEST_CASE("show request: each kind of task, as text and as JSON", "[ask]") {
  const auto text = ask("show request arc_easy 3 --model stories260k").output;
  for (const char* part : {"item 3, choice 0", "choice 3", "(the right one)", "BOS (1) in front",
                           "scored, from position", "context      \"Question: "})
    CHECK(contains(text, part));
  CHECK(contains(ask("show request arc_easy 3 --protocol lm-eval@0.4.9.1").output,
                 "no BOS (1) in front"));
  const auto shots = rows_of(ask("show request arc_easy 3 --fewshot 2 --json").output);
  CHECK(shots[0]["tokens"] > rows_of(ask("show request arc_easy 3 --json").output)[0]["tokens"]);

  const auto window = rows_of(ask("show request wikitext2 5 --json --window 100").output);
  REQUIRE(window.size() == 1);
  CHECK(window[0]["tokens"] == 100);
  CHECK(window[0]["scored"] == 99);
  CHECK(window[0]["begins_with_bos"] == false);  // BOS stands once, in the first window
  CHECK(rows_of(ask("show request wikitext2 0 --json").output)[0]["begins_with_bos"] == true);

  const auto rolled = rows_of(ask("show request wikitext 1 --json").output);
  CHECK(rolled.size() > 2);
  CHECK(rolled[0]["part"] == "window 0");
  const auto prompt = rows_of(ask("show request lambada_generation 0 --json").output);
  CHECK(prompt[0]["scored"] == 0);
  CHECK(prompt[0]["continuation_starts_at"].is_null());
}

TEST_CASE("show request: mistakes are sentences with the near names", "[ask]") {
  const std::pair<const char*, const char*> cases[] = {
      {"arc_eesy 0", "arc_easy"},
      {"arc_easy x", "'x' is no number of an item"},
      {"openbookqa 500", "has 500 items, the last is 499"},
      {"arc_easy 0 --protocol wanda@8e8fc87", "windows of text"},
      {"wikitext2 0 --fewshot 2", "fewshot"},
      {"size 0", "sends no text"},
      {"arc_easy", "a task and the number of an item"},
      {"arc_easy 0 --model resnet20", "model of images"}};
  for (const auto& [words, part] : cases) {
    const auto ran = ask(std::string("show request ") + words);
    INFO(words << ": " << ran.output);
    CHECK(ran.code == 2);
    CHECK(contains(ran.output, part));
  }
  CHECK(contains(ask("show abc --protocol x").output, "belongs to 'bench show request"));
}
