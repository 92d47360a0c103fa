// score: log-probabilities of continuations, asked for line by line.
#include <cmath>
#include <iostream>

#include "base/error.h"
#include "engine/words.h"
#include "tasks/requests.h"

namespace bench::engine {
namespace {

struct Asked {
  Line line;
  size_t context;  // tokens before the cut
  Item item;
};

/// Everything is read and encoded before anything is computed: a mistake in the last line costs no
/// hour.
std::vector<Asked> read_requests(const Tokenizer& tokenizer, const Protocol& how,
                                 int64_t max_length) {
  std::vector<Asked> all;
  for (auto& line : input_lines(std::cin)) {
    const auto object = object_of(line, R"({"context": "...", "continuation": "..."})");
    const auto context = text_of(object, "context", line);
    const auto continuation = text_of(object, "continuation", line);
    try {
      const auto pair = encode_pair(context, continuation, tokenizer, how);
      all.push_back({{line.number, ""}, pair.context.size(), {{to_request(pair, max_length)}}});
    } catch (const Error& e) {
      fail("standard input:{}: {}", line.number, e.what());
    }
  }
  return all;
}

void print_answer(const Asked& asked, const Likelihood& answer) {
  const auto& request = asked.item.requests.front();
  if (!std::isfinite(answer.sum))
    fail("standard input:{}: the log-probability is no finite number: the model is broken",
         asked.line.number);
  const Sequence ids(request.tokens.end() - request.continuation, request.tokens.end());
  print_json({{"logprob", answer.sum},
              {"greedy", answer.greedy},
              {"tokens", request.continuation},
              {"context_tokens", asked.context},
              {"ids", ids}});
}

}  // namespace

int score(const Arguments& a) {
  const Words words(a);
  const auto& how = protocol(words.get("--protocol", "lm-eval@0.4.13"), "loglikelihood");
  const auto batch_tokens = words.number("--batch-tokens", 4096, 1);
  const auto loaded = language_model(words.arguments().at(0), words.get("--dtype", "float32"));
  const auto tokenizer = loaded.checkpoint.tokenizer(words.get("--tokenizer", how.tokenizer));
  const auto asked = read_requests(*tokenizer, how, loaded.model->max_length());
  constexpr size_t kAtOnce = 256;  // answers come while the rest is computed
  for (size_t at = 0; at < asked.size(); at += kAtOnce) {
    const auto end = std::min(asked.size(), at + kAtOnce);
    std::vector<Item> items;
    for (size_t i = at; i < end; ++i) items.push_back(asked[i].item);
    const auto answers = likelihoods(*loaded.model, items, batch_tokens);
    for (size_t i = at; i < end; ++i) print_answer(asked[i], answers[i - at].front());
    std::cout.flush();
  }
  return 0;
}

}  // namespace bench::engine
