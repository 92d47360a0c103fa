#include "fixture.h"

#include "base/digest.h"
#include "data/text_source.h"
#include "tasks/generate.h"
#include "tasks/scoring.h"
#include "walk/sparsity.h"

using namespace bench;
using namespace bench::test;

namespace {

struct Loss {
  double per_token;
  int64_t tokens;
};

/// Sum NLL / predicted tokens of the first stories, BOS in front, cut (data.md 1).
Loss stories_loss(const std::string& model, size_t count, size_t cut) {
  auto& s = shipped(model);
  const auto tokenizer = s.checkpoint.tokenizer("fast4");
  const auto all =
      read_documents((root() / "data/text/tinystories_sample_2MiB.txt").string(), "stories");
  std::vector<Sequence> sequences;
  for (size_t i = 0; i < count; ++i) {
    auto ids = tokenizer->encode(all[i], true);
    if (ids.size() > cut) ids.resize(cut);
    sequences.push_back(ids);
  }
  const auto losses = window_losses(*s.model, sequences, 4096);
  double sum = 0;
  int64_t tokens = 0;
  for (size_t i = 0; i < losses.size(); ++i) {
    const auto n = static_cast<int64_t>(sequences[i].size()) - 1;
    sum += losses[i] * double(n);
    tokens += n;
  }
  return {sum / double(tokens), tokens};
}

int64_t correct_images(const std::string& model) {
  at::NoGradGuard no_grad;
  const auto all = read_cifar((root() / "data/vision/cifar10_test932.bin").string(), 0, 0);
  return (shipped(model).model->forward(all).argmax(1) == all.labels).sum().item<int64_t>();
}

}  // namespace

TEST_CASE("stories260k: golden losses and parameter counts", "[models]") {
  const auto loss = stories_loss("stories260k", 60, 512);
  CHECK(loss.tokens == 20424);
  CHECK(std::abs(loss.per_token - 1.29584) < 1e-5);
  CHECK(measure_sparsity(*shipped("stories260k").model).parameters == 260032);
  CHECK(measure_sparsity(*shipped("babyllama-105").model).parameters == 936448);
  CHECK(measure_sparsity(*shipped("opt-ts-1m").model).parameters == 1088512);
  CHECK(measure_sparsity(*shipped("bloom-ts-1m").model).parameters == 1055744);
}

TEST_CASE("babyllama-105: golden loss on windows of 256", "[models]") {
  const auto loss = stories_loss("babyllama-105", 60, 256);
  CHECK(loss.tokens == 15300);
  CHECK(std::abs(loss.per_token - 0.61736) < 1e-5);
}

TEST_CASE("stories260k: the 200 greedy tokens of llama2.c", "[models]") {
  auto& s = shipped("stories260k");
  const auto never = [](size_t, const Sequence&) { return false; };
  const auto ids = generate(*s.model, {{1}}, 200, 4096, never).front();
  const auto tokenizer = s.checkpoint.tokenizer("fast4");
  auto text = tokenizer->decode(ids);
  if (!text.empty() && text.front() == ' ') text.erase(0, 1);
  CHECK(text == slurp(root() / "tests/golden/stories260K_greedy200.txt"));
}

TEST_CASE("ResNet-20 and ResNet-56 classify 854 and 863 of the 932 images", "[models]") {
  CHECK(correct_images("resnet20") == 854);
  CHECK(correct_images("resnet56") == 863);
}

TEST_CASE("a sequence's losses have the same bits alone, in any batch, with 1 or 2 threads",
          "[models]") {
  for (const std::string model : {"stories260k", "opt-ts-1m", "bloom-ts-1m"}) {
    INFO(model);
    auto& s = shipped(model);
    std::vector<Sequence> all;
    for (int64_t n : {7, 130, 3, 64, 200}) {
      Sequence ids{1};
      for (int64_t i = 1; i < n; ++i) ids.push_back(3 + (i * i) % 90);
      all.push_back(ids);
    }
    const auto together = window_losses(*s.model, all, 4096);
    at::set_num_threads(2);
    const auto threads = window_losses(*s.model, all, 4096);
    at::set_num_threads(1);
    CHECK(together == threads);
    for (size_t i = 0; i < all.size(); ++i)
      CHECK(window_losses(*s.model, {all[i]}, 4096).front() == together[i]);
  }
}

TEST_CASE("a shared prefix gives the scores of separate requests", "[models]") {
  for (const std::string model : {"stories260k", "opt-ts-1m", "bloom-ts-1m"}) {
    INFO(model);
    auto& s = shipped(model);
    Sequence context{1, 20, 31, 45, 60, 12, 77}, first = context, second = context;
    for (int64_t id : {5, 9, 33}) first.push_back(id);
    for (int64_t id : {8, 10}) second.push_back(id);
    const Item both{{{first, 3}, {second, 2}}};
    const auto shared = likelihoods(*s.model, {both}, 4096).front();
    const auto one = likelihoods(*s.model, {Item{{{first, 3}}}}, 4096).front().front();
    const auto two = likelihoods(*s.model, {Item{{{second, 2}}}}, 4096).front().front();
    CHECK(std::abs(shared[0].sum - one.sum) < 1e-5);
    CHECK(std::abs(shared[1].sum - two.sum) < 1e-5);
    // Bit for bit whatever else is in the batch.
    const auto crowd = likelihoods(*s.model, {both, both, Item{{{first, 3}}}, both}, 4096);
    CHECK(crowd[3][0].sum == shared[0].sum);
    CHECK(likelihoods(*s.model, {both, both}, 1)[1][1].sum == shared[1].sum);
  }
}

TEST_CASE("long contexts that begin alike, as few-shot prompts do, change no score", "[models]") {
  auto& s = shipped("stories260k");
  const auto question = [](int64_t own) {
    Sequence context{1};
    for (int64_t i = 1; i < 480; ++i) context.push_back(3 + (i * i + (i < 300 ? 0 : own)) % 400);
    Item item;
    for (const Sequence& choice : {Sequence{5, 9, 33}, Sequence{8}}) {
      Sequence tokens = context;
      tokens.insert(tokens.end(), choice.begin(), choice.end());
      item.requests.push_back({tokens, static_cast<int64_t>(choice.size())});
    }
    return item;
  };
  const std::vector<Item> items{question(1), question(2), question(3)};
  const auto together = likelihoods(*s.model, items, 4096);
  for (size_t i = 0; i < items.size(); ++i) {
    const auto alone = likelihoods(*s.model, {items[i]}, 4096).front();
    for (size_t c = 0; c < 2; ++c) {
      CHECK(together[i][c].sum == alone[c].sum);  // bit for bit
      const auto plain = likelihoods(*s.model, {Item{{items[i].requests[c]}}}, 4096);
      CHECK(std::abs(plain.front().front().sum - alone[c].sum) < 1e-5);
    }
  }
}
