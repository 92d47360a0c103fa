// Blocks and sublayers that go as a whole: influence by hand, the greedy search by brute force.
#include "core/stage.h"
#include "measure/block_influence.h"
#include "measure/sequence_loss.h"
#include "criteria/by_hand.h"

using namespace bench;
using namespace bench::test;

namespace {

Method depth(const std::string& name, std::vector<std::string> groups, int64_t exempt = 0) {
  Method m;
  m.criterion = criterion(name);
  m.allocator = Registry<Allocator>::instance().create("global");
  m.pattern.kind = Pattern::Structured;
  m.pattern.groups = std::move(groups);
  m.pattern.exempt_first = m.pattern.exempt_last = exempt;
  return m;
}

std::vector<int64_t> gone(const std::vector<Removed>& removed) {
  std::vector<int64_t> blocks;
  for (const auto& r : removed)
    if (!r.keep.item<bool>()) blocks.push_back(r.group.block);
  return blocks;
}

}  // namespace

TEST_CASE("block influence: 1 - cosine of what comes in and goes out", "[criteria]") {
  for (const std::string model : {"stories260k", "tiny-gpt_neox", "tiny-gpt2"}) {
    INFO(model);
    auto& s = shipped(model);
    auto data = tiny_text(3, 20, 2);
    at::NoGradGuard no_grad;
    std::vector<Group> groups = s.model->groups("block");
    for (auto& g : s.model->groups("attention")) groups.push_back(std::move(g));
    for (auto& g : s.model->groups("mlp")) groups.push_back(std::move(g));
    std::vector<const Group*> all;
    for (const auto& g : groups) all.push_back(&g);
    const auto stats =
        collect({*s.model, {0, s.model->block_count()}, data, s.model->layers(), all},
                {need<BlockInfluence>()}, Pass::Global);
    const auto one_minus = [](const Tensor& a, const Tensor& b) {
      return (1 - at::cosine_similarity(a.to(at::kDouble), b.to(at::kDouble), 1)).mean();
    };
    // Whatever the block is, its MLP masked leaves what attention made of its input.
    const auto batch = text_batch({{1, 3, 10, 31, 66}});
    Calibration single;
    single.batches = {batch};
    const auto found =
        collect({*s.model, {0, s.model->block_count()}, single, s.model->layers(), all},
                {need<BlockInfluence>()}, Pass::Global);
    const auto in = s.model->block(0, s.model->stem(batch), batch);
    const auto out = s.model->block(1, in, batch);
    const auto value = [&](const Group& g) {
      const auto& of = found->get<BlockInfluence>(*g.slices.front().layer).of.at(g.name);
      return of.one_minus_cosine / static_cast<double>(of.tokens);
    };
    const auto block = s.model->groups("block")[1], attention = s.model->groups("attention")[1];
    const auto mlp = s.model->groups("mlp")[1];
    CHECK(std::abs(value(block) - one_minus(in, out).item<double>()) < 1e-6);
    shrink(mlp, at::zeros({1}, at::kBool));
    const auto middle = s.model->block(1, in, batch);
    CHECK(std::abs(value(attention) - one_minus(in, middle).item<double>()) < 1e-6);
    if (model != "tiny-gpt_neox")
      CHECK(std::abs(value(mlp) - one_minus(middle, out).item<double>()) < 1e-6);
    s.dense->restore(*s.model);
    CHECK(stats->get<BlockInfluence>(*block.slices.front().layer).of.at(block.name).tokens == 60);
  }
}

TEST_CASE("SLEB: each step drops the block without which the loss is smallest", "[criteria]") {
  auto& s = shipped("tiny-llama");
  const auto data = tiny_text(3, 20, 2);
  at::NoGradGuard no_grad;
  const auto total = [&] {
    double sum = 0;
    for (const auto& one : split(data.batches)) {
      auto h = s.model->stem(one);
      for (int64_t b = 0; b < s.model->block_count(); ++b) h = s.model->block(b, h, one);
      sum += sequence_loss(*s.model, h, one) * 20;
    }
    return sum;
  };
  std::vector<int64_t> order;
  std::vector<double> losses;
  for (int step = 0; step < 3; ++step) {
    const Snapshot before(*s.model);
    std::pair<double, int64_t> best{1e300, -1};
    for (const auto& g : s.model->groups("block")) {
      shrink(g, at::zeros({1}, at::kBool));
      best = std::min(best, {total(), g.block});
      before.restore(*s.model);
    }
    order.push_back(best.second), losses.push_back(best.first);
    for (const auto& g : s.model->groups("block"))
      if (g.block == best.second) shrink(g, at::zeros({1}, at::kBool));
  }
  s.dense->restore(*s.model);
  for (size_t n = 1; n <= 3; ++n) {
    auto again = data;
    auto expected = std::vector<int64_t>(order.begin(), order.begin() + static_cast<long>(n));
    std::sort(expected.begin(), expected.end());
    std::vector<double> noted;
    Onlooker look;
    look.measured = [&](const Layer& l, const Stats& stats) {
      noted = stats.notes(l.name).at("greedy.losses");
    };
    const auto how = depth("sleb", {"block"});
    CHECK(gone(prune(*s.model, how, static_cast<double>(n) / 3, again, nullptr, {}, look)) ==
          expected);
    REQUIRE(noted.size() == 3);
    for (size_t i = 0; i < 3; ++i) CHECK(std::abs(noted[i] - losses[i]) < 1e-6 * losses[i]);
    s.dense->restore(*s.model);
  }
}

TEST_CASE("depth: exact counts, exempt ends, and the same function once shrunk", "[criteria]") {
  for (const std::string name : {"shortgpt", "sleb", "taylor", "magnitude", "random"})
    for (const std::string model : {"stories260k", "opt-ts-1m"}) {
      INFO(name << " on " << model);
      auto& s = shipped(model);
      auto data = tiny_text(3, 24, 3);
      const auto how = depth(name, {"block"}, 1);
      how.check();
      const auto inner = s.model->block_count() - 2;
      const auto removed = prune(*s.model, how, 1.0 / static_cast<double>(inner), data);
      const auto which = gone(removed);
      REQUIRE(which.size() == 1);
      CHECK(which.front() > 0);
      CHECK(which.front() + 1 < s.model->block_count());
      at::NoGradGuard no_grad;
      const auto batch = tiny_text(2, 16, 2).batches.front();
      const auto masked = s.model->forward(batch);
      for (const auto& r : removed) shrink(r.group, r.keep);
      CHECK((s.model->forward(batch) - masked).abs().max().item<double>() <=
            1e-5 * masked.abs().max().item<double>());
      CHECK(s.model->layers(which.front()).front()->weight.numel() == 0);
    }
}

TEST_CASE("LLM-Drop takes sublayers; uniform and mixed kinds are refused", "[criteria]") {
  auto& s = shipped("stories260k");
  auto data = tiny_text(3, 24, 3);
  const auto removed = prune(*s.model, depth("llm_drop", {"attention"}), 0.4, data);
  CHECK(gone(removed).size() == 2);
  auto how = depth("llm_drop", {"attention", "mlp"});
  CHECK(error_of([&] { how.check(); }).empty());
  how.pattern.groups = {"block", "head"};
  CHECK(contains(error_of([&] { how.check(); }), "goes as a whole"));
  how.pattern.groups = {"block"};
  how.allocator = Registry<Allocator>::instance().create("uniform");
  CHECK(contains(error_of([&] { how.check(); }), "use allocator=global"));
  how = depth("shortgpt", {"head"});
  CHECK(contains(error_of([&] { how.check(); }), "not 'head'; use pattern=blocks"));
}

TEST_CASE("block_order keeps the first blocks", "[criteria]") {
  auto& s = shipped("stories260k");
  Calibration none;
  CHECK(gone(prune(*s.model, depth("block_order", {"block"}), 0.4, none)) ==
        std::vector<int64_t>{3, 4});
}

TEST_CASE("deeper_layers takes the run of blocks across which the last token turns least",
          "[criteria]") {
  auto& s = shipped("stories260k");
  for (const int64_t n : {1, 2, 3}) {
    auto data = tiny_text(3, 24, 2);
    at::NoGradGuard no_grad;
    std::pair<double, int64_t> best{1e300, -1};
    for (int64_t first = 0; first + n <= 5; ++first) {
      double sum = 0;
      for (const auto& one : split(data.batches)) {
        auto h = s.model->stem(one);
        Tensor before;
        for (int64_t b = 0; b < first + n; ++b) {
          if (b == first) before = h[-1].to(at::kDouble);
          h = s.model->block(b, h, one);
        }
        const auto after = h[-1].to(at::kDouble);
        sum += std::acos((before.dot(after) / (before.norm() * after.norm())).item<double>());
      }
      best = std::min(best, {sum, first});
    }
    std::vector<int64_t> expected;
    for (int64_t i = 0; i < n; ++i) expected.push_back(best.second + i);
    const auto how = depth("deeper_layers", {"block"});
    CHECK(gone(prune(*s.model, how, static_cast<double>(n) / 5, data)) == expected);
    s.dense->restore(*s.model);
  }
}

namespace {

/// What a criterion finds for the groups of a tiny model.
std::vector<double> scores_of(Model& model, const Criterion& c, const std::vector<Group>& groups,
                              const Calibration& data, double target = 0) {
  std::vector<const Group*> all;
  for (const auto& g : groups) all.push_back(&g);
  Pattern pattern;
  pattern.kind = Pattern::Structured;
  const auto stats =
      collect({model, {0, model.block_count()}, data, model.layers(), all, &pattern, target},
              c.needs(), Pass::Global);
  std::vector<double> scores;
  for (const auto& g : groups) scores.push_back(c.units(g, *stats).item<double>());
  return scores;
}

double mean_loss(const Model& model, const Calibration& data) {
  double sum = 0;
  const auto sequences = split(data.batches);
  for (const auto& one : sequences) sum += sequence_loss(model, model.body(one), one);
  return sum / static_cast<double>(sequences.size());
}

double loss_without(Model& model, const Group& g, const Calibration& data) {
  const Restored before(model);
  shrink(g, at::zeros({1}, at::kBool));
  return mean_loss(model, data);
}

StageContext laco_context(Model& model, const Method& none,
                          std::map<std::string, std::shared_ptr<const Snapshot>>& kept,
                          const Calibration& data) {
  StageContext c{model, none, 0, at::kCPU, kept, {}, {}, ""};
  c.calibration = [&data] { return data; };
  return c;
}

}  // namespace

TEST_CASE("streamline: the window whose ends are most alike goes", "[criteria]") {
  auto& s = shipped("tiny-llama");
  const auto data = tiny_text(3, 20, 2);
  at::NoGradGuard no_grad;
  std::vector<double> alike(2, 0);
  for (const auto& one : split(data.batches)) {
    std::vector<Tensor> h{s.model->stem(one)};
    for (int64_t b = 0; b < 3; ++b) h.push_back(s.model->block(b, h.back(), one));
    h.back() = s.model->features(h.back(), one);
    for (size_t i = 0; i < 2; ++i)
      alike[i] += (0.5 + 0.5 * at::cosine_similarity(h[i], h[i + 2], 1)).mean().item<double>();
  }
  const auto first = alike[1] > alike[0] ? 1 : 0;
  const auto found =
      scores_of(*s.model, *criterion("streamline"), s.model->groups("block"), data, 2.0 / 3);
  for (int b = 0; b < 3; ++b)
    CHECK((found[static_cast<size_t>(b)] == 0) == (b >= first && b < first + 2));
}

TEST_CASE("shortened llama: size, gradients and perplexity of blocks", "[criteria]") {
  auto& s = shipped("tiny-llama");
  const auto data = tiny_text(3, 20, 2);
  const auto groups = s.model->groups("block");
  const auto with = [&](const std::string& by, Value::Map more = {}) {
    more.push_back({"by", Value(by)});
    return scores_of(*s.model, *criterion("shortened_llama", more), groups, data);
  };
  // Seven matrices and two norms.
  double sum = 0, largest = 0;
  for (const auto& t : s.model->tensors())
    if (t.name.find("layers.1.") != std::string::npos && t.tensor->defined() &&
        t.name.ends_with(".weight")) {
      const auto one = t.tensor->abs().sum().item<double>();
      sum += one, largest = std::max(largest, one);
    }
  CHECK(std::abs(with("magnitude")[1] / sum - 1) < 1e-5);
  CHECK(std::abs(with("magnitude", {{"block", Value("max")}})[1] / largest - 1) < 1e-5);
  // All sequences in one batch, or one by one: w g adds up before its size is taken.
  const auto together = with("taylor"), apart = with("taylor", {{"batch", Value(int64_t{1})}});
  for (size_t i = 0; i < 3; ++i) CHECK(std::abs(apart[i] / together[i] / 3 - 1) < 1e-3);
  std::vector<std::pair<double, size_t>> order;
  for (size_t i = 0; i < 3; ++i) {
    at::NoGradGuard no_grad;
    order.emplace_back(loss_without(*s.model, groups[i], data), i);
  }
  std::sort(order.begin(), order.end());
  const auto ranks = with("ppl");
  for (size_t r = 0; r < 3; ++r) CHECK(ranks[order[r].second] == static_cast<double>(r));
}

TEST_CASE("blockpruner: attention or MLP, each step the smallest loss", "[criteria]") {
  auto& s = shipped("tiny-llama");
  const auto data = tiny_text(3, 20, 2);
  auto groups = s.model->groups("attention");
  for (auto& g : s.model->groups("mlp")) groups.push_back(std::move(g));
  const auto ranks = scores_of(*s.model, *criterion("blockpruner"), groups, data);
  at::NoGradGuard no_grad;
  const Restored dense(*s.model);
  std::vector<bool> gone(groups.size());
  for (double step = 0; step < 4; ++step) {
    std::pair<double, size_t> best{1e300, 0};
    for (size_t i = 0; i < groups.size(); ++i)
      if (!gone[i]) best = std::min(best, {loss_without(*s.model, groups[i], data), i});
    CHECK(ranks[best.second] == step);
    gone[best.second] = true;
    shrink(groups[best.second], at::zeros({1}, at::kBool));
  }
}

TEST_CASE("laco: shipped leaves the last block's matrices, the paper's form their sum",
          "[criteria]") {
  auto& s = shipped("tiny-llama");
  const auto data = tiny_text(3, 20, 2);
  std::map<std::string, std::shared_ptr<const Snapshot>> kept;
  const Method none;
  std::vector<std::vector<Tensor>> dense;
  for (int64_t b = 0; b < 3; ++b) {
    dense.emplace_back();
    for (const Layer* l : s.model->layers(b)) dense.back().push_back(l->matrix());
  }
  for (const std::string form : {"shipped", "paper"}) {
    INFO(form);
    auto c = laco_context(*s.model, none, kept, data);
    Registry<Stage>::instance()
        .create("laco", Value{Value::Map{{"merge", Value(int64_t{3})},
                                         {"threshold", Value(-1.0)},
                                         {"highest", Value(int64_t{3})},
                                         {"form", Value(form)}}})
        ->apply(c);
    REQUIRE(s.model->groups("block").size() == 1);
    const auto layers = s.model->layers(0);
    for (size_t i = 0; i < layers.size(); ++i) {
      const auto sum = dense[1][i] + dense[2][i] - dense[0][i];
      CHECK(at::allclose(layers[i]->matrix(), form == "paper" ? sum : dense[2][i], 1e-5, 1e-6));
    }
    s.dense->restore(*s.model);
  }
  // Nothing is that much alike.
  auto c = laco_context(*s.model, none, kept, data);
  Registry<Stage>::instance()
      .create("laco", Value{Value::Map{{"merge", Value(int64_t{2})}, {"threshold", Value(1.0)}}})
      ->apply(c);
  CHECK(s.model->groups("block").size() == 3);
  CHECK(s.dense->holds(*s.model));
}
