// Repairs of whole blocks, and the order of channels: EBFT, SparseLLM, channel permutation.
#include <algorithm>

#include "core/stage.h"
#include "criteria/by_hand.h"
#include "measure/reallocation.h"
#include "walk/pruner.h"

using namespace bench;
using namespace bench::test;

namespace {

Method method(const std::string& criterion, const std::vector<Method::Named<Update>*>& updates) {
  Method m;
  m.criterion = named<Criterion>("criterion", criterion);
  m.allocator = named<Allocator>("allocator", "uniform");
  for (auto* u : updates) m.updates.push_back(std::move(*u));
  return m;
}

/// How far the last hidden state is from the dense model's, and the weights that are left.
struct Left {
  double error;
  std::vector<Tensor> weights;
  std::vector<int64_t> kept;
};
Left left(const Method& m, const std::string& model = "stories260k") {
  at::NoGradGuard no_grad;
  auto& s = shipped(model);
  auto data = tiny_text(8, 32, 8);
  const auto dense = s.model->body(data.batches.front());
  prune(*s.model, m, 0.5, data);
  Left all{(s.model->body(data.batches.front()) - dense).square().mean().item<double>(), {}, {}};
  for (const Layer* l : s.model->layers()) {
    CHECK(!l->matrix().masked_select(~l->mask).any().item<bool>());
    all.weights.push_back(l->matrix());
    all.kept.push_back(l->mask.sum().item<int64_t>());
  }
  return all;
}

Method::Named<Update> update(const std::string& name, Value::Map settings = {}) {
  return named<Update>("update", name, Value(std::move(settings)));
}

}  // namespace

TEST_CASE("ebft brings blocks nearer to what they were; vectors alone leave weights",
          "[criteria]") {
  const auto plain = left(method("wanda", {}));
  auto all = update("ebft", {{"epochs", Value(3)}, {"lr", Value(1e-3)}});
  CHECK(left(method("wanda", {&all})).error < plain.error);
  auto vectors =
      update("ebft", {{"epochs", Value(3)}, {"lr", Value(1e-3)}, {"train", Value("vectors")}});
  const auto tuned = left(method("wanda", {&vectors}));
  CHECK(tuned.error < plain.error);
  CHECK(tuned.weights.front().equal(plain.weights.front()));
  auto none = update("ebft", {{"epochs", Value(0)}});
  const auto same = left(method("wanda", {&none}));
  for (size_t i = 0; i < same.weights.size(); ++i) CHECK(same.weights[i].equal(plain.weights[i]));
}

TEST_CASE("blocks are repaired behind repaired ones: other orders are refused", "[criteria]") {
  auto ebft = update("ebft");
  auto m = method("wanda", {&ebft});
  m.propagation = Propagation::Dense;
  CHECK(contains(m.mistakes().front(), "use propagation=sequential_block"));
}

TEST_CASE("sparsellm: one turn is SparseGPT, more fit anew; other MLPs are refused", "[criteria]") {
  const Value::Map again{{"reselect", Value(true)}};
  for (const std::string model : {"stories260k", "opt-ts-1m"}) {
    INFO(model);
    auto obs = update("obs", again), before = update("obs", again), first = update("obs", again);
    const auto plain = left(method("sparsegpt", {&obs}), model);
    auto one = update("sparsellm", {{"epochs", Value(1)}}), more = update("sparsellm");
    const auto same = left(method("sparsegpt", {&before, &one}), model);
    for (size_t i = 0; i < plain.weights.size(); ++i)
      CHECK(at::allclose(same.weights[i], plain.weights[i], 1e-3, 1e-4));
    const auto moved = left(method("sparsegpt", {&first, &more}), model);
    CHECK(!at::allclose(moved.weights.back(), plain.weights.back(), 1e-3, 1e-4));
    CHECK(std::isfinite(moved.error));
    for (size_t i = 0; i < plain.weights.size(); ++i)
      CHECK(std::abs(moved.kept[i] - plain.kept[i]) <= 8);  // slabs round down one by one
  }
  auto mlp = update("sparsellm");
  const auto m = method("sparsegpt", {&mlp});
  CHECK(contains(error_of([&] { left(m, "tiny-gpt2"); }), "relu(up x) alone"));
}

TEST_CASE("an assignment is the best of all", "[criteria]") {
  at::manual_seed(5);
  const auto value = at::rand({5, 5}, at::kDouble);
  const auto found = largest_assignment(value);
  const auto worth = [&](const std::vector<int64_t>& columns) {
    double sum = 0;
    for (int64_t r = 0; r < 5; ++r) sum += value[r][columns[static_cast<size_t>(r)]].item<double>();
    return sum;
  };
  std::vector<int64_t> all{0, 1, 2, 3, 4};
  double best = 0;
  do best = std::max(best, worth(all));
  while (std::next_permutation(all.begin(), all.end()));
  CHECK(std::abs(worth(found) - best) < 1e-12);
}

TEST_CASE("columns that are dealt and assigned retain more under n:m", "[criteria]") {
  at::manual_seed(6);
  const auto score = at::rand({16, 32}) * at::linspace(0.1, 2, 32);
  const auto retained = [&](const Tensor& order) {
    const auto s = score.index_select(1, order);
    return (s * select_nm(s, 2, 4)).sum().item<double>();
  };
  const auto as_is = retained(at::arange(32));
  const auto dealt = reallocated(score, 2, 4, {.assign = false});
  const auto assigned = reallocated(score, 2, 4, {});
  CHECK(std::get<0>(at::sort(assigned)).equal(at::arange(32)));
  // Strips of eight, every second one backwards: the first group holds the ends of all four.
  const auto by_sum = std::get<1>(at::sort(score.sum(0)));
  CHECK(dealt.slice(0, 0, 4).equal(at::stack({by_sum[0], by_sum[15], by_sum[16], by_sum[31]})));
  CHECK(retained(dealt) > as_is);
  CHECK(retained(assigned) > retained(dealt));
  CHECK(contains(error_of([&] { reallocated(score, 4, 7, {}); }), "do not split"));
}

TEST_CASE("channel permutation leaves the function and lets n:m retain more", "[criteria]") {
  for (const std::string model : {"stories260k", "opt-ts-1m", "tiny-gpt2"}) {
    INFO(model);
    auto& s = shipped(model);
    const auto before = tiny_logits(*s.model);
    auto m = method("wanda", {});
    m.pattern.kind = Pattern::NM, m.pattern.keep = 2, m.pattern.of = 4;
    std::map<std::string, std::shared_ptr<const Snapshot>> kept;
    StageContext c{*s.model, m, 0.5, at::kCPU, kept, {}, {}, ""};
    c.calibration = [] { return tiny_text(4, 24, 4); };
    const auto hash = weight_hash(*s.model);
    Registry<Stage>::instance().create("channel_permutation")->apply(c);
    CHECK(weight_hash(*s.model) != hash);
    const auto after = tiny_logits(*s.model);
    CHECK((after - before).abs().max().item<double>() <=
          1e-5 * before.abs().max().item<double>());
  }
}
