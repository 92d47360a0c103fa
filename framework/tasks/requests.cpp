#include "tasks/requests.h"

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "jinja/python_string.h"

namespace bench {

int64_t prefix_token(const Tokenizer& t, const Protocol& p) {
  if (p.prefix == "bos_or_eos" && t.bos()) return *t.bos();
  if (t.eos()) return *t.eos();
  fail("the tokenizer has neither a BOS nor an EOS token to stand before an empty context");
}

namespace {

/// With the tokenizer's own specials where the protocol says so, but no second BOS (lm-eval since
/// 0.4.9.2, huggingface.py, tok_encode: the prefix token's text in front).
Sequence encode_text(const std::string& text, const Tokenizer& t, const Protocol& p,
                     std::optional<int64_t> prefix, bool special) {
  if (!special || !p.documents.bos_once || !prefix) return t.encode(text, special);
  const auto bos = t.decode({*prefix});
  return t.encode(text, bos.empty() || !text.starts_with(bos));
}

std::optional<int64_t> prefix_if_any(const Tokenizer& t, const Protocol& p) {
  return t.bos() || t.eos() ? std::optional(prefix_token(t, p)) : std::nullopt;
}

}  // namespace

Sequence encode_rolled(const std::string& document, const Tokenizer& t, const Protocol& p) {
  return encode_text(document, t, p, prefix_if_any(t, p), p.rolled_special);
}

Pair encode_pair(std::string context, std::string continuation, const Tokenizer& t,
                 const Protocol& p) {
  if (context.empty()) {
    Pair pair{{prefix_token(t, p)}, t.encode(continuation, false)};
    if (p.documents.prefix_once && !pair.continuation.empty() &&
        pair.continuation[0] == pair.context[0])
      pair.continuation.erase(pair.continuation.begin());
    return pair;
  }
  if (!p.joint) return {t.encode(context, p.special), t.encode(continuation, false)};
  const auto prefix = prefix_if_any(t, p);
  const auto kept = text::rstrip(context).size();
  continuation.insert(0, context.substr(kept));
  context.resize(kept);
  const auto whole = encode_text(context + continuation, t, p, prefix, p.special);
  Pair pair{encode_text(context, t, p, prefix, p.special), {}};
  // A length cut, not a prefix check: tokens may merge across the seam.
  if (pair.context.size() < whole.size())
    pair.continuation.assign(whole.begin() + static_cast<long>(pair.context.size()), whole.end());
  return pair;
}

Item::Request to_request(const Pair& pair, int64_t max_length) {
  const auto n = static_cast<int64_t>(pair.continuation.size());
  if (pair.context.empty())
    fail("a context has no token for what follows to be predicted from: it is blank");
  if (n == 0) fail("a continuation has no token of its own after its context");
  if (n > max_length) fail("a continuation has {} tokens, more than the model's {}", n, max_length);
  Sequence tokens = pair.context;
  tokens.insert(tokens.end(), pair.continuation.begin(), pair.continuation.end());
  const auto limit = static_cast<size_t>(max_length) + 1;
  if (tokens.size() > limit) tokens.erase(tokens.begin(), tokens.end() - static_cast<long>(limit));
  return {std::move(tokens), n};
}

Sequence encode_prompt(const std::string& context, const Tokenizer& tokenizer,
                       const Protocol& protocol, int64_t max_length, int64_t most) {
  auto ids = encode_text(context, tokenizer, protocol, tokenizer.bos(), protocol.special);
  if (ids.empty()) ids = {prefix_token(tokenizer, protocol)};
  const auto room = max_length - most;
  if (room < 1)
    fail("{} tokens may be generated, which leaves no room for a prompt in the model's {}", most,
         max_length);
  if (static_cast<int64_t>(ids.size()) > room) ids.erase(ids.begin(), ids.end() - room);
  return ids;
}

Item encode_question(const Question& q, const Tokenizer& tokenizer, const Protocol& protocol,
                     int64_t max_length) {
  Item item;
  for (size_t i = 0; i < q.continuations.size(); ++i) {
    const auto& context = q.contexts[q.contexts.size() == 1 ? 0 : i];
    item.requests.push_back(
        to_request(encode_pair(context, q.continuations[i], tokenizer, protocol), max_length));
  }
  return item;
}

std::vector<Item::Request> rolling_windows(const Sequence& tokens, int64_t prefix,
                                           int64_t max_length) {
  std::vector<Item::Request> windows;
  const auto total = static_cast<int64_t>(tokens.size());
  for (int64_t done = 0; done < total;) {
    const auto count = std::min(max_length, total - done), end = done + count;
    // The first window begins with the prefix; later ones with the token before their first input.
    const auto begin = done == 0 ? 0 : end - max_length - 1;
    Item::Request window;
    if (done == 0) window.tokens.push_back(prefix);
    window.tokens.insert(window.tokens.end(), tokens.begin() + begin, tokens.begin() + end);
    window.continuation = count;
    windows.push_back(std::move(window));
    done = end;
  }
  return windows;
}

}  // namespace bench
