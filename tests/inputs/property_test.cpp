// Requests with empty and one-token parts, in any order and batch: a score is that of the request
// alone, and what cannot be scored is an error of that one.
#include <random>

#include "fixture.h"
#include "tasks/requests.h"

using namespace bench;
using namespace bench::test;

namespace {

Sequence drawn(std::mt19937& random, size_t most) {
  Sequence ids(random() % (most + 1));
  for (auto& id : ids) id = static_cast<int64_t>(3 + random() % 90);
  return ids;
}

}  // namespace

TEST_CASE("inputs: scores never depend on neighbours", "[inputs]") {
  auto& model = *shipped("tiny-llama").model;
  std::mt19937 random(17);
  std::vector<Item> items;
  int refused = 0;
  for (int i = 0; i < 60; ++i) {
    const auto context = drawn(random, i % 3 == 0 ? 1 : 6);
    Item item;
    for (size_t c = 0; c < 1 + random() % 4; ++c) {
      const Pair pair{context, drawn(random, 3)};
      try {
        item.requests.push_back(to_request(pair, 16));
        CHECK(!pair.context.empty());
        CHECK(!pair.continuation.empty());
      } catch (const Error&) {
        CHECK((pair.context.empty() || pair.continuation.empty()));
        ++refused;
      }
    }
    if (!item.requests.empty()) items.push_back(std::move(item));
  }
  CHECK(refused > 10);
  std::vector<std::vector<Likelihood>> alone;
  for (const auto& item : items) alone.push_back(likelihoods(model, {item}, 64).front());
  for (int round = 0; round < 4; ++round) {
    std::vector<size_t> order(items.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::shuffle(order.begin(), order.end(), random);
    std::vector<Item> mixed;
    for (const auto i : order) mixed.push_back(items[i]);
    const auto scores = likelihoods(model, mixed, round % 2 ? 16 : 4096);
    for (size_t k = 0; k < order.size(); ++k)
      for (size_t r = 0; r < scores[k].size(); ++r) {
        CHECK(scores[k][r].sum == alone[order[k]][r].sum);
        CHECK(scores[k][r].greedy == alone[order[k]][r].greedy);
      }
  }
  const Item broken{{{{5}, 1}}};  // nothing before the predicted token
  CHECK(contains(error_of([&] {
                   likelihoods(model, {items[0], broken, items[1]}, 4096);
                 }),
                 "cannot have 1 of them predicted"));
  CHECK(contains(error_of([&] {
                   window_losses(model, {{1, 2}, {3}}, 64);
                 }),
                 "window of one token"));
}
