#pragma once
#include "core/protocol.h"
#include "tasks/documents.h"
#include "tasks/scoring.h"
#include "text/tokenizer.h"

namespace bench {

/// Requests of a question by a protocol's rules: pair encoding, prefix token, cut to max_length + 1
/// ids from the left (evaluation.md 5). A continuation without a token, or longer than the model,
/// is an Error; lm-eval stops with an assertion there.
Item encode_question(const Question& question, const Tokenizer& tokenizer, const Protocol& protocol,
                     int64_t max_length);

}  // namespace bench
