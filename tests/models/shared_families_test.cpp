// Every family of the recorded random models: what can go together, and the same bits however it
// runs.
#include <torch/csrc/autograd/autograd.h>
#include <unistd.h>

#include "core/mixture.h"
#include "fixture.h"
#include "models/hub_folder.h"
#include "tasks/generate.h"
#include "tasks/scoring.h"

using namespace bench;
using namespace bench::test;
namespace fs = std::filesystem;

namespace {

fs::path golden() {
  return shared() / "golden";
}

/// Every recorded model that reads text from left to right.
std::vector<fs::path> recorded_decoders() {
  std::vector<fs::path> all;
  if (!fs::is_directory(golden() / "tiny_models")) return all;
  for (const auto& entry : fs::directory_iterator(golden() / "tiny_models")) {
    const auto config = entry.path() / "config.json";
    if (!fs::exists(config)) continue;
    const auto type = nlohmann::json::parse(slurp(config)).value("model_type", std::string());
    const auto known = model_types();
    if (std::find(known.begin(), known.end(), type) == known.end()) continue;
    const auto& family = model_family(type, "");
    if (!family.images && !family.encoder) all.push_back(entry.path());
  }
  std::sort(all.begin(), all.end());
  return all;
}

Sequence some_ids(int64_t n, int64_t seed) {
  Sequence ids{1};
  for (int64_t i = 1; i < n; ++i) ids.push_back(3 + (seed * 31 + i * i * 7) % 290);
  return ids;
}

Tensor logits_of(const Model& model) {
  at::NoGradGuard no_grad;
  return model.forward(text_batch({some_ids(20, 1), some_ids(17, 2), some_ids(5, 3)}));
}

}  // namespace

TEST_CASE("recorded families: masked and cut away are the same function, for every kind",
          "[models][shared]") {
  SKIP_WITHOUT_SHARED();
  for (const auto& folder : recorded_decoders()) {
    const auto checkpoint = read_checkpoint(folder);
    for (const auto& kind : model_family(checkpoint.model_type(), "").group_kinds) {
      INFO(folder.filename().string() << " " << kind);
      const auto model = build_model(checkpoint);
      const auto dense = logits_of(*model);
      const Snapshot before(*model);
      int cuts = 0;
      for (auto& g : model->groups(kind)) {
        if (g.units - g.at_least < 1) continue;
        auto keep = at::ones({g.units}, at::kBool);
        keep[(g.block + 1) % g.units] = false;
        if (kind == "hidden") keep = at::arange(g.units) % 4 != 1;
        cut_as_masked(g, keep, [&] { return logits_of(*model); });
        ++cuts;
      }
      CHECK(cuts > 0);
      CHECK((logits_of(*model) - dense).abs().max().item<double>() > 1e-4);
      before.restore(*model);
      CHECK(logits_of(*model).equal(dense));
    }
  }
}

TEST_CASE("recorded families: the same bits alone, in a batch, with 2 threads, looked into",
          "[models][shared]") {
  SKIP_WITHOUT_SHARED();
  for (const auto& folder : recorded_decoders()) {
    INFO(folder.filename().string());
    const auto model = build_model(read_checkpoint(folder));
    const auto most = std::min<int64_t>(model->max_length(), 60);
    std::vector<Sequence> all;
    for (int64_t n : {int64_t{7}, most, int64_t{3}, int64_t{31}}) all.push_back(some_ids(n, n));
    const auto together = window_losses(*model, all, 4096);
    at::set_num_threads(2);
    const auto threads = window_losses(*model, all, 4096);
    at::set_num_threads(1);
    CHECK(together == threads);
    for (size_t i = 0; i < all.size(); ++i)
      CHECK(window_losses(*model, {all[i]}, 4096).front() == together[i]);
    at::NoGradGuard no_grad;
    const auto batch = text_batch(all);
    const auto plain = model->forward(batch);
    for (Layer* l : model->layers()) l->tap = [](const Tensor&, const Tensor&) {};
    CHECK(model->forward(batch).equal(plain));
    for (Layer* l : model->layers()) l->tap = nullptr;
  }
}

TEST_CASE("recorded families: continuing is computing it anew", "[models][shared]") {
  SKIP_WITHOUT_SHARED();
  const std::vector<Sequence> prompts{some_ids(3, 1), some_ids(1, 2), some_ids(19, 3)};
  for (const auto& folder : recorded_decoders()) {
    INFO(folder.filename().string());
    const auto model = build_model(read_checkpoint(folder));
    const auto together = generate(*model, prompts, 20, 4096, [](size_t i, const Sequence& made) {
      return i == 1 && made.size() == 4;
    });
    for (size_t i = 0; i < prompts.size(); ++i)
      CHECK(together[i] == generate_plainly(*model, prompts[i], i == 1 ? 4 : 20));
    Sequence first = some_ids(24, 5), second(first.begin(), first.end() - 3);
    second.insert(second.end(), {8, 10});
    const auto shared = likelihoods(*model, {Item{{{first, 3}, {second, 2}}}}, 4096).front();
    CHECK(std::abs(shared[0].sum -
                   likelihoods(*model, {Item{{{first, 3}}}}, 4096).front().front().sum) < 1e-4);
    CHECK(std::abs(shared[1].sum -
                   likelihoods(*model, {Item{{{second, 2}}}}, 4096).front().front().sum) < 1e-4);
  }
}

TEST_CASE(
    "recorded families: a folder that is written reads back, narrower blocks and fewer experts",
    "[models][shared]") {
  SKIP_WITHOUT_SHARED();
  for (const auto& folder : recorded_decoders()) {
    const auto source = read_checkpoint(folder);
    for (const std::string kind : {"", "head", "neuron", "expert"})
      for (const bool compact : {false, true}) {
        INFO(folder.filename().string() << " " << kind << (compact ? " compact" : ""));
        const auto model = build_model(source);
        bool uneven = false;
        for (auto& g : model->groups(kind)) {
          const auto gone = std::min(g.units / 2, g.units - g.at_least);
          uneven |= compact && g.block == 0;
          const auto count = compact && g.block == 0 ? std::min<int64_t>(gone, 1) : gone;
          shrink(g, at::arange(g.units) >= count);
        }
        const auto out = fs::temp_directory_path() / fmt::format("bench-families-{}", getpid());
        fs::remove_all(out);
        const auto why = error_of([&] { write_hub_folder(*model, source, compact, out); });
        if (!why.empty()) {
          CHECK(!compact);
          CHECK((contains(why, "--compact") || contains(why, "--padded")));
          continue;
        }
        const auto again = build_model(read_checkpoint(out));
        CHECK(logits_of(*again).equal(logits_of(*model)));
        fs::remove_all(out);
      }
  }
}

TEST_CASE("recorded mixtures: a gradient for every expert, also for one that no token came to",
          "[models][shared]") {
  SKIP_WITHOUT_SHARED();
  for (const auto& folder : recorded_decoders()) {
    const auto model = build_model(read_checkpoint(folder));
    auto* routed = dynamic_cast<Routed*>(model.get());
    Mixture* first = nullptr;
    for (int64_t i = 0; routed && i < model->block_count() && !first; ++i)
      first = routed->mixture(i);
    if (!first) continue;
    INFO(folder.filename().string());
    const auto batch = text_batch({some_ids(4, 1)});  // too few tokens for all experts
    std::set<int64_t> seen;
    first->onlooker = [&](const Tensor& x, const Routing& r) {
      CHECK(x.size(0) == 4);
      for (const auto& a : r.answers) seen.insert(a.expert);
    };
    model->forward(batch);
    first->onlooker = nullptr;
    CHECK(seen.size() >= static_cast<size_t>(first->chosen()));
    std::vector<Tensor> leaves, stored;
    for (Layer* l : model->layers()) {
      stored.push_back(l->weight);
      l->weight = l->weight.detach().requires_grad_();
      leaves.push_back(l->weight);
    }
    const at::AutoGradMode grad(true);
    const auto gradients = torch::autograd::grad({model->loss(batch)}, leaves);
    CHECK(gradients.size() == leaves.size());
  }
}
