// The softmax that sees a few classes at a time, against the plain one.
#include "tasks/running_softmax.h"

#include "test.h"

using namespace bench;

namespace {

Tensor by_chunks(const Tensor& logits, const Tensor& ids, int64_t columns) {
  RunningSoftmax softmax(ids);
  for (int64_t begin = 0; begin < logits.size(1); begin += columns)
    softmax.add(logits.slice(1, begin, begin + columns), begin);
  return softmax.answers();
}

}  // namespace

TEST_CASE("the softmax by chunks is the softmax, whatever the chunks", "[tasks]") {
  at::manual_seed(7);
  const auto logits = 20 * at::randn({40, 301});
  const auto ids = at::randint(301, {40, 1}, at::kLong);
  const auto plain = logits.to(at::kDouble).log_softmax(1).gather(1, ids);
  const auto greedy = logits.argmax(1, true) == ids;
  for (const int64_t columns : {1, 7, 64, 301}) {
    const auto answers = by_chunks(logits, ids, columns);
    // float32: log-probabilities of up to 150 are exact to 1e-5.
    CHECK((answers.slice(1, 0, 1) - plain).abs().max().item<double>() < 3e-5);
    CHECK(at::equal(answers.slice(1, 1, 2) != 0, greedy));
  }
}

TEST_CASE("of equal largest logits only the first is greedy, across chunks too", "[tasks]") {
  const auto logits = at::tensor({1.f, 5.f, 0.f, 5.f, 5.f, 2.f}).repeat({4, 1});
  const auto ids = at::tensor({1, 3, 4, 5}, at::kLong).unsqueeze(1);
  for (const int64_t columns : {1, 2, 3, 6}) {
    const auto greedy = by_chunks(logits, ids, columns).select(1, 1);
    CHECK(at::equal(greedy, at::tensor({1.f, 0.f, 0.f, 0.f})));
  }
}

TEST_CASE("a NaN among the logits stays one", "[tasks]") {
  auto logits = at::zeros({1, 6});
  logits[0][4] = std::numeric_limits<float>::quiet_NaN();
  const auto answers = by_chunks(logits, at::zeros({1, 1}, at::kLong), 2);
  CHECK(answers[0][0].isnan().item<bool>());
  CHECK(answers[0][1].item<float>() == 0);
}

TEST_CASE("the softmax adds in the lanes in which LibTorch's does", "[tasks]") {
  // 1 + 5e-8 is 1 in float32. In the lane of the largest term small ones are lost one by one, in
  // another they add up to 1e-5 first.
  constexpr int64_t kSmall = 200;
  const auto sum_with_small_in = [&](int64_t lane) {
    auto logits = at::full({1, 16 * (kSmall + 1)}, -std::numeric_limits<float>::infinity());
    logits[0][0] = 0;
    for (int64_t i = 1; i <= kSmall; ++i) logits[0][16 * i + lane] = std::log(5e-8f);
    return -by_chunks(logits, at::zeros({1, 1}, at::kLong), 160)[0][0].item<double>();
  };
  CHECK(sum_with_small_in(0) == 0);
  CHECK(std::abs(sum_with_small_in(1) - 200 * 5e-8) < 2e-7);
}
