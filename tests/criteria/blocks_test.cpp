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

double loss_after(const Method& m, const std::string& model = "stories260k") {
  auto& s = shipped(model);
  auto data = tiny_text(8, 32, 8);
  prune(*s.model, m, 0.5, data);
  for (const Layer* l : s.model->layers())
    CHECK(!l->matrix().masked_select(~l->mask).any().item<bool>());
  at::NoGradGuard no_grad;
  return s.model->loss(data.batches.front()).item<double>();
}

}  // namespace

TEST_CASE("ebft lowers the loss that a mask leaves; vectors alone leave weights", "[criteria]") {
  const auto plain = loss_after(method("wanda", {}));
  auto all = named<Update>("update", "ebft",
                           Value{Value::Map{{"epochs", Value(3)}, {"lr", Value(1e-3)}}});
  CHECK(loss_after(method("wanda", {&all})) < plain);
  auto vectors = named<Update>(
      "update", "ebft",
      Value{Value::Map{{"epochs", Value(3)}, {"lr", Value(1e-3)}, {"train", Value("vectors")}}});
  CHECK(loss_after(method("wanda", {&vectors})) < plain);
  auto none = named<Update>("update", "ebft", Value{Value::Map{{"epochs", Value(0)}}});
  CHECK(std::abs(loss_after(method("wanda", {&none})) - plain) < 1e-9);
}

TEST_CASE("blocks are repaired behind repaired ones: other orders are refused", "[criteria]") {
  auto ebft = named<Update>("update", "ebft");
  auto m = method("wanda", {&ebft});
  m.propagation = Propagation::Dense;
  CHECK(contains(m.mistakes().front(), "use propagation=sequential_block"));
}

TEST_CASE("sparsellm beats its own beginning on a layer's block; other MLPs are refused",
          "[criteria]") {
  for (const std::string model : {"stories260k", "opt-ts-1m"}) {
    auto obs = named<Update>("update", "obs", Value{Value::Map{{"reselect", Value(true)}}});
    const auto plain = loss_after(method("sparsegpt", {&obs}), model);
    auto first = named<Update>("update", "obs", Value{Value::Map{{"reselect", Value(true)}}});
    auto mlp = named<Update>("update", "sparsellm");
    const auto m = method("sparsegpt", {&first, &mlp});
    CHECK(loss_after(m, model) < plain * 1.05);
  }
  auto mlp = named<Update>("update", "sparsellm");
  const auto m = method("sparsegpt", {&mlp});
  CHECK(contains(error_of([&] { loss_after(m, "tiny-gpt2"); }), "relu(up x) alone"));
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
