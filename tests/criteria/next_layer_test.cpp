// Criteria that look at what the next layer makes of a unit: ThiNet and the lasso of channels.
#include "criteria/by_hand.h"
#include "measure/reading_gram.h"

using namespace bench;
using namespace bench::test;

namespace {

/// Four units that a layer of three outputs reads, two columns each, and their data.
struct Read {
  Layer writer, reader;
  Group group{"g", "neuron", 0, 0, 4};
  Stats stats;
  Tensor x;
  Read() {
    at::manual_seed(6);
    writer.name = "w", writer.weight = at::randn({4, 5});
    reader.name = "r", reader.weight = at::randn({3, 8});
    x = at::randn({40, 8}) + 0.4;
    group.slices = {{&writer, Slice::Out}, {&reader, Slice::In, 2}};
    stats.put<InputGram>(reader, need<InputGram>()).gram = x.t().mm(x);
  }
  /// What of the outputs comes from each unit: [tokens, outputs, units].
  Tensor parts() const {
    std::vector<Tensor> all;
    for (int64_t u = 0; u < 4; ++u)
      all.push_back(
          x.narrow(1, 2 * u, 2).mm(reader.weight.narrow(1, 2 * u, 2).t()).to(at::kDouble));
    return at::stack(all, 2);
  }
};

}  // namespace

TEST_CASE("what units bring to the next layer, from the inputs' Gram matrix", "[criteria]") {
  const Read r;
  const auto z = r.parts().reshape({-1, 4});
  CHECK(at::allclose(reading_gram(r.group, r.stats, "test"), z.t().mm(z), 1e-4, 1e-4));
  Group unread = r.group;
  unread.slices.pop_back();
  CHECK(contains(error_of([&] { criterion("thinet")->units(unread, r.stats); }),
                 "thinet cannot rank"));
}

TEST_CASE("thinet: each time the unit goes without which the outputs change least", "[criteria]") {
  const Read r;
  const auto score = criterion("thinet")->units(r.group, r.stats);
  const auto z = r.parts();
  std::vector<int64_t> gone;
  for (int64_t step = 0; step < 4; ++step) {
    int64_t best = -1;
    double least = INFINITY;
    for (int64_t u = 0; u < 4; ++u) {
      if (std::find(gone.begin(), gone.end(), u) != gone.end()) continue;
      auto off = z.select(2, u);
      for (const auto g : gone) off = off + z.select(2, g);
      const double now = off.square().sum().item<double>();
      if (now < least) least = now, best = u;
    }
    gone.push_back(best);
    CHECK(score[best].item<double>() == double(step));
  }
}

TEST_CASE("channel_lasso: independent units leave in the order of what they bring", "[criteria]") {
  Read r;
  // Units that do not interact: K is diagonal, and unit u leaves where lambda reaches K_uu.
  r.reader.weight = at::zeros({4, 8});
  const std::vector<double> size{2, 0.5, 3, 1};
  for (int64_t u = 0; u < 4; ++u) r.reader.weight[u][2 * u] = size[size_t(u)];
  Stats fresh;
  fresh.put<InputGram>(r.reader, need<InputGram>()).gram = at::eye(8);
  const auto score = criterion("channel_lasso")->units(r.group, fresh);
  const auto order = std::get<1>(score.sort());
  CHECK(order.equal(at::tensor({1, 3, 0, 2}, at::kLong)));
  // K_uu are 4, 1/4, 9, 1; the path has steps of 7 %.
  for (int64_t u = 0; u < 4; ++u) {
    const double at = size[size_t(u)] * size[size_t(u)] / 9;
    CHECK(score[u].item<double>() <= at * 1.002);
    CHECK(score[u].item<double>() >= at * 0.92);
  }
  // A unit that brings nothing is the first to go.
  Stats dead;
  dead.put<InputGram>(r.reader, need<InputGram>()).gram =
      at::diag(at::tensor({1., 1., 1., 1., 0., 0., 1., 1.}).to(at::kFloat));
  CHECK(criterion("channel_lasso")->units(r.group, dead)[2].item<double>() == 0);
}
