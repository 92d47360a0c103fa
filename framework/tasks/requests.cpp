#include "tasks/requests.h"

#include "base/error.h"

namespace bench {
namespace {

int64_t prefix_token(const Tokenizer& t, const Protocol& p) {
  if (p.prefix == "bos_or_eos" && t.bos()) return *t.bos();
  if (t.eos()) return *t.eos();
  fail("the tokenizer has neither a BOS nor an EOS token to stand before an empty context");
}

struct Pair {
  Sequence context, continuation;
};

Pair encode_pair(std::string context, std::string continuation, const Tokenizer& t,
                 const Protocol& p) {
  if (context.empty()) {
    Pair pair{{prefix_token(t, p)}, t.encode(continuation, false)};
    if (!pair.continuation.empty() && pair.continuation[0] == pair.context[0])
      pair.continuation.erase(pair.continuation.begin());
    return pair;
  }
  const auto end = context.find_last_not_of(" \t\n\r\f\v");
  const auto blanks = context.size() - (end == std::string::npos ? 0 : end + 1);
  continuation.insert(0, context.substr(context.size() - blanks));
  context.resize(context.size() - blanks);
  if (!p.joint) return {t.encode(context, p.special), t.encode(continuation, false)};
  const auto whole = t.encode(context + continuation, p.special);
  Pair pair{t.encode(context, p.special), {}};
  // A length cut, not a prefix check: tokens may merge across the seam.
  if (pair.context.size() < whole.size())
    pair.continuation.assign(whole.begin() + static_cast<long>(pair.context.size()), whole.end());
  return pair;
}

}  // namespace

Item encode_question(const Question& q, const Tokenizer& tokenizer, const Protocol& protocol,
                     int64_t max_length) {
  Item item;
  for (size_t i = 0; i < q.continuations.size(); ++i) {
    const auto& context = q.contexts[q.contexts.size() == 1 ? 0 : i];
    const auto pair = encode_pair(context, q.continuations[i], tokenizer, protocol);
    const auto n = static_cast<int64_t>(pair.continuation.size());
    if (n == 0)
      fail("the choice '{}' has no token of its own after its context", q.continuations[i]);
    if (n > max_length)
      fail("the choice '{:.40}...' has {} tokens, more than the model's {}", q.continuations[i], n,
           max_length);
    Sequence tokens = pair.context;
    tokens.insert(tokens.end(), pair.continuation.begin(), pair.continuation.end());
    const auto limit = static_cast<size_t>(max_length) + 1;
    if (tokens.size() > limit)
      tokens.erase(tokens.begin(), tokens.end() - static_cast<long>(limit));
    item.requests.push_back({std::move(tokens), n});
  }
  return item;
}

}  // namespace bench
