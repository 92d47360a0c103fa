// Gram matrices and their factors: in stretches and in one buffer, with the bits of the plain form.
#include "measure/row_obs.h"
#include "measure/statistics.h"
#include "test.h"

using namespace bench;

namespace {

Layer of_columns(int64_t columns) {
  Layer l;
  l.name = "l", l.weight = at::zeros({2, columns});
  return l;
}

InputGram gram_of(const Layer& l, const Tensor& x) {
  InputGram g(l);
  g.on_input(x, 1);
  return g;
}

/// As inverse_factor() says, each step in a tensor of its own.
Tensor plain_factor(const Tensor& gram, double damping) {
  SingleThread alone;
  auto h = gram.clone();
  auto diagonal = h.diagonal();
  diagonal.masked_fill_(gram.diagonal() == 0, 1);
  auto damped = h.clone();
  damped.diagonal().add_(diagonal.mean() * damping);
  const auto inverse = at::cholesky_inverse(at::linalg_cholesky(damped));
  return at::linalg_cholesky(inverse, /*upper=*/true);
}

}  // namespace

TEST_CASE("gram: in stretches it has the bits of one product, on any number of threads", "[gram]") {
  at::manual_seed(1);
  const int before = at::get_num_threads();
  for (const int64_t columns : {7, 1024, 2049, 3100}) {
    const auto x = at::randn({33, columns});
    const auto l = of_columns(columns);
    for (const int threads : {1, 2, 3}) {
      at::set_num_threads(threads);
      INFO(columns << " columns, " << threads << " threads");
      InputGram g(l);
      g.on_input(x, 1);
      g.on_input(x.neg() * 0.5, 1);
      auto plain = matmul_rows(x.t().contiguous(), x) * 2.0;
      plain *= 0.5;
      plain += matmul_rows((x.neg() * 0.5).t().contiguous(), x.neg() * 0.5) * 1.0;
      CHECK(g.gram.equal(plain));
      WideGram wide(l);
      wide.on_input(x, 1);
      CHECK(wide.gram.equal(matmul_rows(x.t().contiguous(), x).to(at::kDouble) * 2.0));
    }
  }
  at::set_num_threads(before);
}

TEST_CASE("gram: the factor in one buffer has the bits of the plain one", "[gram]") {
  at::manual_seed(2);
  for (const int64_t columns : {1, 5, 200, 700}) {
    INFO(columns);
    auto x = at::randn({2 * columns, columns});
    if (columns > 4) x.select(1, 3).zero_();  // an input that is always zero
    const auto l = of_columns(columns);
    const auto g = gram_of(l, x);
    const auto kept = g.gram.clone();
    const auto plain = plain_factor(g.gram, 0.01);
    CHECK(g.inverse_factor(0.01).equal(plain));
    CHECK(g.inverse_factor_diagonal(0.01).equal(plain.diagonal()));
    CHECK(g.gram.equal(kept));
  }
}

TEST_CASE("gram: one factor is kept, and comes back with the same bits", "[gram]") {
  at::manual_seed(3);
  const auto l = of_columns(40);
  const auto a = gram_of(l, at::randn({80, 40})), b = gram_of(l, at::randn({80, 40}));
  const auto first = a.inverse_factor(0.01);
  CHECK(a.inverse_factor(0.01).is_same(first));
  const auto wider = a.inverse_factor(0.1);  // another damping of the same layer
  CHECK(a.inverse_factor(0.01).is_same(first));
  CHECK_FALSE(wider.equal(first));
  const auto other = b.inverse_factor(0.01);
  CHECK_FALSE(a.inverse_factor(0.01).is_same(first));
  CHECK(a.inverse_factor(0.01).equal(first));
  CHECK(b.inverse_factor_diagonal(0.01).equal(other.diagonal()));
}

TEST_CASE("gram: more damping where it is needed, and a sentence where none helps", "[gram]") {
  const auto l = of_columns(2);
  InputGram g(l);
  g.gram = at::tensor({1.f, 3.f, 3.f, 1.f}).reshape({2, 2});  // definite from a damping of 2 on
  CHECK(g.inverse_factor(0.03).equal(plain_factor(g.gram, 3.0)));
  g.gram = at::full({2, 2}, std::numeric_limits<float>::quiet_NaN());
  CHECK(test::contains(test::error_of([&] { g.inverse_factor(0.5); }), "larger damping"));
}

TEST_CASE("gram: the exact inverse in one buffer has the bits of the plain one", "[gram]") {
  at::manual_seed(4);
  for (const int64_t rows : {5, 90}) {  // of 30 columns: not of full rank, and of full rank
    WideGram g(of_columns(30));
    auto x = at::randn({rows, 30});
    x.select(1, 7).zero_();
    g.on_input(x, 1);
    auto h = g.gram.to(at::kFloat).to(at::kDouble);
    h.diagonal().masked_fill_(h.diagonal() == 0, 1);
    auto [lower, info] = at::linalg_cholesky_ex(h);
    if (info.item<int>() != 0) lower = at::linalg_cholesky(h + at::eye(30, h.options()));
    Tensor dead;
    CHECK(obs_inverse(g, dead).equal(at::cholesky_inverse(lower)));
    CHECK(dead.sum().item<int64_t>() == 1);
  }
}
