#include "tasks/shown.h"

#include <algorithm>

#include "base/error.h"
#include "tasks/requests.h"

namespace bench {
namespace {

int64_t tokens_in(const Sequence& ids) {
  return static_cast<int64_t>(ids.size());
}

void show_prompt(const Question& q, const TaskDefinition& task, SentRequest r, const Protocol& p,
                 int64_t length, const SeeRequest& see) {
  const auto& t = *r.tokenizer;
  r.context = q.contexts.front();
  try {
    r.ids = encode_prompt(r.context, t, p, length, task.max_new_tokens);
    const auto whole = encode_prompt(r.context, t, p, kEndless, 0);
    r.cut = tokens_in(whole) - tokens_in(r.ids);
  } catch (const Error& e) {
    r.left_out = e.what();
  }
  see(r);
}

void show_windows(const Question& q, SentRequest r, const Protocol& p, int64_t length,
                  const SeeRequest& see) {
  const auto ids = encode_rolled(q.continuations.front(), *r.tokenizer, p);
  int64_t number = 0;
  for (auto& w : rolling_windows(ids, prefix_token(*r.tokenizer, p), length)) {
    r.part = fmt::format("window {}", number++);
    r.ids = std::move(w.tokens);
    r.scored = w.continuation;
    see(r);
  }
}

/// One choice that cannot be encoded leaves its whole document out.
void show_choices(const Question& q, const TaskDefinition& task, const SentRequest& base,
                  const Protocol& p, int64_t length, const SeeRequest& see) {
  const bool choices = task.output_type == "multiple_choice";
  std::vector<SentRequest> all(q.continuations.size(), base);
  std::string broken;
  for (size_t i = 0; i < all.size(); ++i) {
    auto& r = all[i];
    if (choices) r.part = fmt::format("choice {}", i);
    r.right = std::count(q.right.begin(), q.right.end(), static_cast<int64_t>(i)) > 0;
    r.context = q.contexts[q.contexts.size() == 1 ? 0 : i];
    r.continuation = q.continuations[i];
    try {
      const auto pair = encode_pair(r.context, r.continuation, *r.tokenizer, p);
      auto request = to_request(pair, length);
      r.cut = tokens_in(pair.context) + tokens_in(pair.continuation) - tokens_in(request.tokens);
      r.ids = std::move(request.tokens);
      r.scored = request.continuation;
    } catch (const Error& e) {
      if (broken.empty()) broken = (choices ? r.part + ": " : "") + e.what();
    }
  }
  for (auto& r : all) {
    r.left_out = broken;
    see(r);
  }
}

}  // namespace

void show_questions(const std::vector<Question>& questions, const TaskDefinition& task,
                    const std::shared_ptr<const Tokenizer>& tokenizer, const Protocol& protocol,
                    int64_t length, const SeeRequest& see) {
  SentRequest base;
  base.protocol = protocol.id;
  base.tokenizer = tokenizer;
  for (const auto& q : questions) {
    if (task.output_type == "generate_until")
      show_prompt(q, task, base, protocol, length, see);
    else if (task.output_type == "loglikelihood_rolling")
      show_windows(q, base, protocol, length, see);
    else
      show_choices(q, task, base, protocol, length, see);
    ++base.item;
  }
}

}  // namespace bench
