// generate: greedy continuations of prompts.
#include <iostream>
#include <limits>

#include "base/error.h"
#include "engine/words.h"
#include "tasks/generation.h"
#include "tasks/requests.h"

namespace bench::engine {
namespace {

struct Prompt {
  std::string where, text;
};

/// Arguments behind the model, or the lines of standard input: a line is a prompt, or a JSON object
/// with the field "prompt" where a prompt has lines of its own.
std::vector<Prompt> read_prompts(const Arguments& arguments) {
  std::vector<Prompt> all;
  for (size_t i = 1; i < arguments.size(); ++i)
    all.push_back({fmt::format("prompt {}", i), arguments[i]});
  if (!all.empty()) return all;
  for (const auto& line : input_lines(std::cin)) {
    const auto object = nlohmann::json::parse(line.text, nullptr, false);
    all.push_back({fmt::format("standard input:{}", line.number),
                   object.is_object() ? text_of(object, "prompt", line) : line.text});
  }
  if (all.empty()) fail("generate: no prompt: give one as an argument, or lines on standard input");
  return all;
}

Sequence encode(const Prompt& prompt, const Tokenizer& tokenizer, const Protocol& how,
                int64_t max_length, int64_t most) {
  try {
    const auto ids = encode_prompt(prompt.text, tokenizer, how, kEndless, 0);
    if (most > max_length - static_cast<int64_t>(ids.size()))
      fail(
          "the prompt has {} tokens and {} may follow, more than the model's {}; shorten it, or "
          "give a smaller --max-new-tokens",
          ids.size(), most, max_length);
    return ids;
  } catch (const Error& e) {
    fail("{}: {}", prompt.where, e.what());
  }
}

}  // namespace

int generate(const Arguments& a) {
  const Words words(a);
  const auto& how = protocol(words.get("--protocol", "lm-eval@0.4.13"), "loglikelihood");
  const auto loaded = language_model(words.arguments().at(0), words.get("--dtype", "float32"));
  const GenerationRule rule{words.number("--max-new-tokens", 64, 1), words.all("--until"),
                            loaded.checkpoint.ends(), !words.has("--ignore-eos")};
  const auto tokenizer = loaded.checkpoint.tokenizer(words.get("--tokenizer", how.tokenizer));
  const auto prompts = read_prompts(words.arguments());
  std::vector<Sequence> ids;
  for (const auto& p : prompts)
    ids.push_back(encode(p, *tokenizer, how, loaded.model->max_length(), rule.max_new_tokens));
  constexpr int64_t kBatchTokens = 4096;
  const auto made = generate_answers(*loaded.model, ids, *tokenizer, rule, kBatchTokens);
  for (size_t i = 0; i < made.size(); ++i) {
    if (words.has("--text"))
      std::cout << prompts[i].text << made[i].text << "\n";
    else
      print_json({{"prompt", prompts[i].text},
                  {"prompt_ids", ids[i]},
                  {"ids", made[i].ids},
                  {"text", made[i].text},
                  {"stop", made[i].stop}});
  }
  return 0;
}

}  // namespace bench::engine
