// The attention of small heads against LibTorch's in float64.
#include "kernels/attention.h"

#include "fixture.h"

using namespace bench;
using namespace bench::test;

namespace {

struct Heads {
  int64_t queries, keys, heads, kv_heads, head_dim, window = 0;
  bool alibi = false;
};

const std::vector<Heads>& shapes() {
  static const std::vector<Heads> all{
      {1, 1, 1, 1, 1},       {1, 77, 4, 2, 8},      {5, 5, 3, 3, 20},
      {64, 64, 8, 4, 8},     {130, 130, 4, 4, 16},  {17, 200, 6, 2, 32},
      {96, 96, 9, 3, 27},    {33, 33, 2, 2, 32},    {70, 70, 4, 4, 32, 0, true},
      {70, 70, 4, 1, 16, 9}, {3, 90, 4, 2, 24, 20}, {40, 61, 5, 5, 8, 16, true}};
  return all;
}

struct Inputs {
  Tensor q, k, v, slopes;
};

Inputs inputs(const Heads& h) {
  at::manual_seed(h.queries * 31 + h.head_dim);
  Inputs i;
  i.q = at::randn({h.queries, h.heads * h.head_dim});
  i.k = at::randn({h.keys, h.kv_heads * h.head_dim});
  i.v = at::randn({h.keys, h.kv_heads * h.head_dim});
  i.slopes = at::rand({h.heads}) / 4;
  return i;
}

Tensor ours(const Heads& h, const Inputs& i) {
  auto out = at::empty_like(i.q);
  const auto scale = static_cast<float>(1 / std::sqrt(static_cast<double>(h.head_dim)));
  kernels::causal_attention(
      i.q.const_data_ptr<float>(), i.k.const_data_ptr<float>(), i.v.const_data_ptr<float>(),
      {i.q.size(0), h.keys, h.heads, h.kv_heads, h.head_dim, i.q.stride(0), i.k.stride(0),
       i.v.stride(0), h.window, scale, h.alibi ? i.slopes.const_data_ptr<float>() : nullptr},
      out.mutable_data_ptr<float>());
  return out;
}

/// Softmax of the whole matrix, written out.
Tensor plainly(const Heads& h, const Inputs& i) {
  const auto split = [&](const Tensor& x, int64_t n) {
    const auto heads = x.to(at::kDouble).reshape({x.size(0), n, h.head_dim}).transpose(0, 1);
    return heads.repeat_interleave(h.heads / n, 0);
  };
  auto s = split(i.q, h.heads).matmul(split(i.k, h.kv_heads).transpose(1, 2)) /
           std::sqrt(static_cast<double>(h.head_dim));
  const auto key = at::arange(h.keys).unsqueeze(0);
  const auto query = at::arange(h.keys - h.queries, h.keys).unsqueeze(1);
  if (h.alibi) s = s + i.slopes.to(at::kDouble).reshape({-1, 1, 1}) * key;
  auto unseen = key > query;
  if (h.window > 0) unseen = unseen | (key <= query - h.window);
  s = s.masked_fill(unseen, -std::numeric_limits<double>::infinity());
  return s.softmax(2).matmul(split(i.v, h.kv_heads)).transpose(0, 1).reshape(i.q.sizes());
}

}  // namespace

TEST_CASE("attention of small heads is softmax(q k^T) v", "[kernels]") {
  for (const auto& h : shapes()) {
    INFO(h.queries << " queries, " << h.keys << " keys, heads of " << h.head_dim);
    const auto i = inputs(h);
    // Values are of size 1; scores reach 25 with ALiBi, whose float32 rounding the exponential
    // passes on.
    CHECK((ours(h, i) - plainly(h, i)).abs().max().item<double>() < (h.alibi ? 2e-5 : 2e-6));
  }
}

TEST_CASE("attention of small heads: a row's bits depend on the row", "[kernels]") {
  for (const auto& h : shapes()) {
    INFO(h.queries << " queries, " << h.keys << " keys, heads of " << h.head_dim);
    const auto i = inputs(h);
    const auto whole = ours(h, i);
    at::set_num_threads(2);
    CHECK(ours(h, i).equal(whole));
    at::set_num_threads(1);
    for (const int64_t row : {int64_t{0}, h.queries / 2, h.queries - 1}) {
      const int64_t seen = h.keys - h.queries + row + 1;
      const auto alone =
          ours({1, seen, h.heads, h.kv_heads, h.head_dim, h.window, h.alibi},
               {i.q.narrow(0, row, 1), i.k.narrow(0, 0, seen), i.v.narrow(0, 0, seen), i.slopes});
      CHECK(alone.equal(whole.narrow(0, row, 1)));
    }
  }
}

TEST_CASE("attention of small heads: far scores, NaN and infinity", "[kernels]") {
  const Heads h{4, 4, 1, 1, 8};
  auto i = inputs(h);
  i.q = i.q * 1000;  // one key takes all
  CHECK((ours(h, i) - plainly(h, i)).abs().max().item<double>() < 2e-6);
  i.k[2][3] = std::numeric_limits<float>::quiet_NaN();
  const auto broken = ours(h, i);
  CHECK(at::isfinite(broken.narrow(0, 0, 2)).all().item<bool>());  // they do not see key 2
  CHECK(at::isnan(broken.narrow(0, 2, 2)).all().item<bool>());
  i.k[2][3] = std::numeric_limits<float>::infinity();
  CHECK(at::isnan(ours(h, i)).equal(at::isnan(plainly(h, i))));
}
