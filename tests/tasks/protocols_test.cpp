// Protocols: what each sends, and several of them in one pass.
#include "core/task.h"
#include "fixture.h"
#include "tasks/generate.h"
#include "tasks/requests.h"

using namespace bench;
using namespace bench::test;

namespace {

/// A tokenizer of one character a token, with BOS 1 and EOS 2, that merges " b".
class Letters : public Tokenizer {
 public:
  Letters() : Tokenizer({300, 1, 2, "test", "letters"}) {}
  std::vector<int64_t> encode(const std::string& text, bool special) const override {
    std::vector<int64_t> ids;
    if (special) ids.push_back(1);
    for (size_t i = 0; i < text.size(); ++i) {
      const bool merged = text.compare(i, 2, "ab") == 0;
      ids.push_back(merged ? 299 : static_cast<unsigned char>(text[i]));
      i += merged;
    }
    return ids;
  }
  std::string decode(const std::vector<int64_t>&) const override { return ""; }
};

Pair pair(const std::string& protocol_id, const std::string& context, const std::string& text) {
  return encode_pair(context, text, Letters(), protocol(protocol_id, "loglikelihood"));
}

std::vector<Metric> measure(const std::string& plugin, Value settings, int* passes = nullptr) {
  auto& s = shipped("stories260k");
  TaskContext c{*s.model,
                [&](const std::string& variant) {
                  return std::shared_ptr<const Tokenizer>(s.checkpoint.tokenizer(variant));
                },
                {},
                [&](int64_t done, int64_t of) {
                  if (passes && done == of) ++*passes;
                }};
  return Registry<Task>::instance().create(plugin, std::move(settings))->run(c);
}

}  // namespace

TEST_CASE("protocols: what each makes of a context and a continuation", "[tasks]") {
  // The blank moves; BOS in front by the tokenizer's default, or never; the seam merges or not.
  CHECK(pair("lm-eval@0.4.13", "c ", "d").context == Sequence{1, 'c'});
  CHECK(pair("lm-eval@0.4.13", "c ", "d").continuation == Sequence{' ', 'd'});
  CHECK(pair("lm-eval@0.4.9.1", "c ", "d").context == Sequence{'c'});
  CHECK(pair("lm-eval@0.4.9.1", "xa", "bc").context == Sequence{'x', 'a'});
  CHECK(pair("lm-eval@0.4.9.1", "xa", "bc").continuation == Sequence{'c'});  // the length cut
  CHECK(pair("llm-pruner@128a07d", "xa", "bc").continuation == Sequence{'b', 'c'});
  CHECK(pair("llm-pruner@128a07d", "c ", "d").context == Sequence{'c', ' '});
  CHECK(pair("lm-eval@0.4.13", "", "d").context == Sequence{1});
  CHECK(pair("wanda-lm-eval@df3da98", "", "d").context == Sequence{2});
  // A rolled document: BOS, BOS since 0.4.9.2, exactly one in ours.
  CHECK(protocol("lm-eval@0.4.13", "loglikelihood").rolled_special);
  CHECK(!protocol("prunebench@1", "loglikelihood").rolled_special);
}

TEST_CASE("protocols: unknown ones, and those of the other kind", "[tasks]") {
  CHECK(contains(error_of([] { protocol("lm-eval@0.4.12", "loglikelihood"); }), "lm-eval@0.4.13"));
  CHECK(contains(error_of([] { protocol("wanda@8e8fc87", "loglikelihood"); }),
                 "measures windows of text"));
  CHECK(protocol("llm-pruner@128a07d", "perplexity").window == 128);
  CHECK(!protocol("llm-pruner@128a07d", "loglikelihood").joint);
  CHECK(
      contains(error_of([] {
                 protocols_at("task.x.protocol", {"wanda@8e8fc87", "wanda@8e8fc87"}, "perplexity");
               }),
               "task.x.protocol: 'wanda@8e8fc87' is named twice"));
}

TEST_CASE("protocols: several in one pass where the ids allow it", "[tasks]") {
  Value choices{Value::Map{{"task", "arc_easy"}, {"limit", 6}}};
  const auto with = [](Value v, std::vector<std::string> ids) {
    v.set("protocol", Value(Value::List(ids.begin(), ids.end())));
    return v;
  };
  int passes = 0;
  const auto three = measure(
      "lm_eval", with(choices, {"lm-eval@0.4.13", "prunebench@1", "lm-eval@0.4.9.1"}), &passes);
  CHECK(passes == 2);  // the first two send the same ids
  REQUIRE(three.size() == 6);
  CHECK(three[2].protocol == "prunebench@1");
  CHECK(three[0].items_hash == three[2].items_hash);
  CHECK(three[0].items_hash != three[4].items_hash);
  CHECK(three[4].value == measure("lm_eval", with(choices, {"lm-eval@0.4.9.1"}))[0].value);

  const Value windows{
      Value::Map{{"text", "text/wikitext2/wiki.test.raw"}, {"windows", 2}, {"window", 64}}};
  passes = 0;
  const auto two =
      measure("perplexity", with(windows, {"wanda@8e8fc87", "sparsegpt@147d215"}), &passes);
  CHECK(passes == 1);
  REQUIRE(two.size() == 2);
  CHECK(two[0].value == two[1].value);
  CHECK(two[1].protocol == "sparsegpt@147d215");
}

TEST_CASE("tasks: rolling, log-likelihood and generation run on a small model", "[tasks]") {
  const auto rolled = measure("lm_eval", Value::Map{{"task", "wikitext"}, {"limit", 1}});
  REQUIRE(rolled.size() == 3);
  CHECK(rolled[0].task == "wikitext-first1@512");
  CHECK(rolled[2].value > 1);
  CHECK(std::abs(std::log2(rolled[1].value) - rolled[2].value) < 1e-12);
  const auto lambada = measure("lm_eval", Value::Map{{"task", "lambada_openai"}, {"limit", 4}});
  REQUIRE(lambada.size() == 2);
  CHECK(lambada[0].name == "perplexity");
  CHECK(lambada[0].stderr_ > 0);
  const auto made = measure("lm_eval", Value::Map{{"task", "lambada_generation"}, {"limit", 3}});
  REQUIRE(made.size() == 2);
  CHECK(made[0].name == "exact_match");
  CHECK(made[0].n == 3);
  const auto all =
      measure("lm_eval", Value::Map{{"task", "arc_easy"}, {"limit", 3}, {"fewshot", 1}});
  CHECK(all[0].task == "arc_easy-1shot-first3");
}

TEST_CASE("calibration_bins: one metric more, where answers are chosen, and nothing else",
          "[tasks]") {
  const auto plain = measure("lm_eval", Value::Map{{"task", "arc_easy"}, {"limit", 6}});
  const auto bins =
      measure("lm_eval", Value::Map{{"task", "arc_easy"}, {"limit", 6}, {"calibration_bins", 1}});
  REQUIRE(plain.size() == 2);
  REQUIRE(bins.size() == 3);
  for (const size_t i : {0u, 1u}) CHECK(plain[i].items == bins[i].items);
  const auto& ece = bins[2];
  CHECK(ece.name == "ece");
  CHECK(!ece.higher_is_better);
  REQUIRE(ece.items.size() == 6);
  double sum = 0;  // surer than right: with one bin the error is their mean
  for (size_t i = 0; i < 6; ++i) {
    sum += ece.items[i];
    CHECK((ece.items[i] <= 0) == (bins[0].items[i] == 1));
  }
  CHECK(std::abs(ece.value - std::abs(sum) / 6) < 1e-6);
  const auto refused = error_of([] {
    measure("lm_eval", Value::Map{{"task", "wikitext"}, {"limit", 1}, {"calibration_bins", 10}});
  });
  CHECK(refused.find("multiple choice") != std::string::npos);
}

TEST_CASE("generation: a batch gives what each prompt gives alone", "[tasks]") {
  auto& s = shipped("stories260k");
  const std::vector<Sequence> prompts{{1, 20, 31}, {1}, {1, 45, 60, 12, 77, 5}};
  const auto never = [](size_t, const Sequence&) { return false; };
  const auto together = generate(*s.model, prompts, 12, 4096, never);
  for (size_t i = 0; i < prompts.size(); ++i)
    CHECK(together[i] == generate_plainly(*s.model, prompts[i], 12));
  const auto stopped = generate(*s.model, prompts, 12, 4096, [](size_t i, const Sequence& made) {
    return made.size() == i + 1;
  });
  CHECK(stopped[2] == Sequence(together[2].begin(), together[2].begin() + 3));
}
