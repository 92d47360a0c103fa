#pragma once
#include <functional>
#include <vector>

#include "core/model.h"

namespace bench {

/// One token to be predicted: hidden row of the batch, and the id that follows.
struct Target {
  int64_t row;
  int64_t id;
};
struct Scored {
  std::vector<double> log_prob;  // float32 log-softmax
  std::vector<bool> greedy;      // is it the argmax?
};
/// Runs the chain and the head on the rows of the targets only.
Scored score_targets(const Model& model, const Batch& batch, const std::vector<Target>& targets);

/// Mean cross-entropy (nats) of each window's tokens 2..n given those before, in order.
std::vector<double> window_losses(const Model& model, const std::vector<Sequence>& windows,
                                  int64_t batch_tokens,
                                  const std::function<void(int64_t, int64_t)>& progress = {});

/// A context and the continuations to be scored after it; inputs as the model gets them.
struct Item {
  struct Request {
    Sequence tokens;       // context and continuation, already cut to max_length + 1
    int64_t continuation;  // how many of them, at the end, are scored
  };
  std::vector<Request> requests;
};
struct Likelihood {
  double sum = 0;
  bool greedy = true;
};
/// One per request, items in order. Tokens that all requests of an item share are computed once; a
/// score has the same bits whatever else is in the batch, since an item is always laid out alike.
std::vector<std::vector<Likelihood>> likelihoods(
    const Model& model, const std::vector<Item>& items, int64_t batch_tokens,
    const std::function<void(int64_t, int64_t)>& progress = {});

}  // namespace bench
