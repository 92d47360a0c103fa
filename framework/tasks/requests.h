#pragma once
#include "tasks/protocol.h"
#include "tasks/prompts.h"
#include "tasks/scoring.h"
#include "tokenizers/tokenizer.h"

namespace bench {

/// A context and a continuation as tokens, before anything is cut.
struct Pair {
  Sequence context, continuation;
};
/// Pair encoding by a protocol's rules: blanks at the end of the context move to the continuation,
/// both are encoded together and cut by length (or each by itself); an empty context becomes the
/// prefix token (evaluation.md 5).
Pair encode_pair(std::string context, std::string continuation, const Tokenizer& tokenizer,
                 const Protocol& protocol);

/// Cut to max_length + 1 ids from the left. A context or a continuation without a token, or a
/// continuation longer than the model, is an Error; lm-eval stops with an assertion there.
Item::Request to_request(const Pair& pair, int64_t max_length);

/// What a generated answer follows: the context's ids (the prefix token where it has none), cut
/// from the left so that `most` new tokens fit behind them. No room for a context is an Error.
constexpr int64_t kEndless = int64_t{1} << 48;  // a length that nothing reaches
Sequence encode_prompt(const std::string& context, const Tokenizer& tokenizer,
                       const Protocol& protocol, int64_t max_length, int64_t most);

/// The ids of a whole document that is rolled over.
Sequence encode_rolled(const std::string& document, const Tokenizer& tokenizer,
                       const Protocol& protocol);

/// One request per choice of a question.
Item encode_question(const Question& question, const Tokenizer& tokenizer, const Protocol& protocol,
                     int64_t max_length);

/// What stands before an empty context: BOS, or EOS where there is none (or the protocol says so).
int64_t prefix_token(const Tokenizer& tokenizer, const Protocol& protocol);

/// Windows of a whole document: every token is predicted once, the first after the prefix token,
/// later windows behind as much context as fits (evaluation.md 6). Empty for an empty document.
std::vector<Item::Request> rolling_windows(const Sequence& tokens, int64_t prefix,
                                           int64_t max_length);

}  // namespace bench
