#include <cmath>
#include <cstring>
#include <random>

#include "core/criterion.h"
#include "measure/zeroth_order.h"
#include "models/checkpoint.h"
#include "kernels/box_muller.h"
#include "kernels/philox.h"
#include "test.h"

using namespace bench;
using namespace bench::kernels;
using Words = std::array<uint32_t, 4>;

TEST_CASE("Philox4x32-10: the published known answers", "[stream]") {
  CHECK(philox({0, 0, 0, 0}, {0, 0}) == Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}) ==
        Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("normals are Box-Muller's, whatever computes them", "[stream]") {
  // Ends and quarters of the circle, the smallest and the largest radius, then words at random.
  constexpr int64_t kBlocks = 1 << 16;
  std::vector<uint32_t> words(4 * kBlocks);
  std::mt19937 draw(7);
  for (auto& w : words) w = static_cast<uint32_t>(draw());
  const uint32_t* const x[] = {&words[0], &words[kBlocks], &words[2 * kBlocks],
                               &words[3 * kBlocks]};
  const uint32_t edges[] = {0,          1,          0x1fffffff, 0x20000000, 0x3fffffff, 0x40000000,
                            0x7fffffff, 0x80000000, 0xb504f333, 0xc0000000, 0xfffffffe, 0xffffffff};
  size_t at = 0;
  for (const auto a : edges)
    for (const auto b : edges) words[at] = a, words[kBlocks + at++] = b;
  std::vector<float> z(4 * kBlocks);
  box_muller(x, kBlocks, z.data());
  int64_t differ = 0;
  for (size_t i = 0; i < z.size(); ++i) {
    const size_t pair = i % 4 / 2, block = i / 4;
    const double u = (x[2 * pair][block] + 1.0) * 0x1p-32;
    const double t = 6.283185307179586 * (x[2 * pair + 1][block] * 0x1p-32);
    const double r = std::sqrt(-2 * std::log(u));
    const auto expected = static_cast<float>(r * (i % 2 ? std::sin(t) : std::cos(t)));
    // One unit in the last place where float64's last bits fall on a float32 boundary.
    if (z[i] == expected) continue;
    ++differ;
    CHECK(std::nextafter(z[i], expected) == expected);
  }
  CHECK(differ <= 1);
}

TEST_CASE("the zeroth-order stream: names, words, normals, signs, uniforms", "[stream]") {
  CHECK(fnv1a("model.layers.0.self_attn.q_proj.weight") == 0x1af1383b);
  CHECK(fnv1a("transformer.h.2.self_attention.query_key_value.weight") == 0xd06b8b1f);
  const Stream q{42, fnv1a("model.layers.1.self_attn.q_proj.weight"), Purpose::Direction};
  CHECK(q.name_hash == 0x0f93c140);
  CHECK(philox({0, 0, q.name_hash, 1}, {42, 0}) ==
        Words{0xddcb8ed1, 0xbb5df2f1, 0x285b4591, 0xeb253af7});

  std::vector<float> z(64 * 64);
  fill_normal(q, 0, 4096, z.data());
  const uint32_t bits[] = {0xbd78ea55, 0xbf083920, 0x3fd6824c, 0xbf710458,
                           0x3e070ecc, 0x3fb7ceb1, 0x3e99d426, 0xbec81e10};
  for (int i = 0; i < 8; ++i) {
    uint32_t u;
    std::memcpy(&u, &z[static_cast<size_t>(i)], 4);
    CHECK(u == bits[i]);
  }
  double sum = 0, squares = 0;
  for (const float v : z) sum += v, squares += double(v) * v;
  // One unit in the last place of a float32 may differ in one of 10^7 elements.
  CHECK(std::abs(sum - 67.029569667386) < 1e-5);
  CHECK(std::abs(squares - 4133.632702386893) < 1e-4);

  fill_rademacher(q, 0, 4096, z.data());
  double signs = 0;
  for (const float v : z) signs += v;
  CHECK(signs == 136);

  const Stream far{(uint64_t{1} << 40) + 7, q.name_hash, Purpose::Direction};
  fill_normal(far, 0, 4, z.data());
  CHECK(std::abs(z[0] - 1.72390282f) < 1e-7);
  const Stream random{42, q.name_hash, Purpose::RandomCriterion};
  double u[4];
  fill_uniform(random, 0, 4, u);
  CHECK(std::abs(u[0] - 0.8782775763) < 1e-10);
  CHECK(std::abs(u[3] - 0.3344989240) < 1e-10);
}

TEST_CASE("any range of the stream holds the same elements", "[stream]") {
  const Stream s{7, fnv1a("x"), Purpose::Direction};
  std::vector<float> all(30000), part(777);
  fill_normal(s, 0, 30000, all.data());
  for (const int64_t begin : {0, 1, 8191, 8192, 16001, 29223}) {
    fill_normal(s, begin, 777, part.data());
    CHECK(std::memcmp(part.data(), all.data() + begin, 777 * 4) == 0);
  }
}

namespace {

/// cos(g^, g) of a quadratic loss, whose differences are exact: p = g.z (mini_llm.md 10, check 3).
double cosine_on_quadratic(int64_t d, int64_t n, Directions kind, bool divide) {
  Layer l;
  l.name = "quadratic";
  l.weight = at::zeros({1, d});
  at::manual_seed(5);
  const auto g = at::randn({1, d});
  std::vector<Difference> all;
  for (int64_t i = 0; i < n; ++i) {
    const auto z = direction(l, 42 + static_cast<uint64_t>(i), kind);
    all.push_back({42 + static_cast<uint64_t>(i), 0, 0, (g * z).sum().item<double>()});
  }
  const auto found = zeroth_order_gradient(l, all, kind, divide);
  return ((found * g).sum() / (found.norm() * g.norm())).item<double>();
}

}  // namespace

TEST_CASE("the mean over directions approaches the gradient as sqrt(n/(n+d+1))", "[stream]") {
  for (const int64_t n : {102, 1024, 4096}) {
    const double expected = std::sqrt(double(n) / double(n + 1024 + 1));
    // The cosine itself scatters by about 1/sqrt(d) = 0.03; three of these.
    CHECK(std::abs(cosine_on_quadratic(1024, n, Directions::Normal, false) - expected) < 0.09);
    CHECK(std::abs(cosine_on_quadratic(1024, n, Directions::Rademacher, false) - expected) < 0.09);
  }
  CHECK(cosine_on_quadratic(256, 64, Directions::Rademacher, false) ==
        cosine_on_quadratic(256, 64, Directions::Rademacher, true));
}

TEST_CASE("the gradient does not depend on the order in which tensors are visited", "[stream]") {
  Layer a, b;
  a.name = "a", b.name = "b";
  a.weight = at::zeros({8, 9}), b.weight = at::zeros({5, 7});
  const std::vector<Difference> d{{1, 0, 0, 0.5}, {2, 0, 0, -2}};
  const auto first = zeroth_order_gradient(a, d, Directions::Normal, false);
  zeroth_order_gradient(b, d, Directions::Normal, false);
  CHECK(first.equal(zeroth_order_gradient(a, d, Directions::Normal, false)));
  CHECK(!first.flatten().slice(0, 0, 35).equal(
      zeroth_order_gradient(b, d, Directions::Normal, false).flatten()));
}
