// Every decoder family on random models made in memory: groups, batches, configs that would be
// another function.
#include "fixture.h"
#include "tasks/generate.h"
#include "tasks/scoring.h"
#include "walk/sparsity.h"

using namespace bench;
using namespace bench::test;

namespace {

/// What loading says once the config has these keys too.
std::string refusal(const std::string& family, const nlohmann::json& keys) {
  auto c = tiny_checkpoint(family);
  c.config.update(keys);
  return error_of([&] { build_model(c); });
}

Tensor forward_with(const std::string& family, const nlohmann::json& keys) {
  auto c = tiny_checkpoint(family);
  c.config.update(keys);
  return tiny_logits(*build_model(c));
}

}  // namespace

TEST_CASE("families: a group that is masked and one that is cut away are the same function",
          "[models]") {
  for (const auto& family : decoder_families())
    for (const std::string kind : {"head", "neuron"}) {
      INFO(family << " " << kind);
      const auto model = build_model(tiny_checkpoint(family));
      const auto dense = tiny_logits(*model);
      for (auto& g : model->groups(kind)) {
        REQUIRE(g.units >= 2);
        auto keep = at::ones({g.units}, at::kBool);
        keep[g.block % g.units] = false;
        cut_as_masked(g, keep, [&] { return tiny_logits(*model); });
      }
      CHECK((tiny_logits(*model) - dense).abs().max().item<double>() > 1e-3);
      CHECK(model->groups("channel").empty());
    }
}

TEST_CASE(
    "families: blocks, sublayers and channels of the stream, masked and cut away, are the same "
    "function",
    "[models]") {
  auto families = decoder_families();
  families.push_back("opt after");  // norms behind the sublayers
  for (const auto& family : families)
    for (const std::string kind : {"attention", "mlp", "block", "hidden"}) {
      INFO(family << " " << kind);
      auto checkpoint = tiny_checkpoint(family.substr(0, family.find(' ')));
      if (family == "opt after") {
        checkpoint.config["do_layer_norm_before"] = false;
        for (const char* part : {"weight", "bias"})
          checkpoint.tensors.erase(std::string("model.decoder.final_layer_norm.") + part);
      }
      const auto model = build_model(checkpoint);
      const auto dense = tiny_logits(*model);
      const auto whole = measure_sparsity(*model).parameters;
      const Snapshot before(*model);
      const auto groups = model->groups(kind);
      REQUIRE(groups.size() == (kind == "hidden" ? 1 : 3));
      const auto& g = groups[groups.size() / 2];
      auto keep = at::zeros({g.units}, at::kBool);
      if (kind == "hidden") keep = at::arange(g.units) % 4 != 1;
      const auto gone = keep.logical_not().sum().item<int64_t>() * g.weights_per_unit();
      const auto shrunk = cut_as_masked(g, keep, [&] { return tiny_logits(*model); });
      CHECK((shrunk - dense).abs().max().item<double>() > 1e-3);
      CHECK(measure_sparsity(*model).parameters <= whole - gone);
      if (kind != "hidden") CHECK(model->groups(kind).size() == 2);
      before.restore(*model);
      CHECK(tiny_logits(*model).equal(dense));
    }
}

TEST_CASE("families: BLOOM's slopes are cut, or made anew for the heads that stay", "[models]") {
  for (const bool remake : {false, true}) {
    const auto model = build_model(tiny_checkpoint("bloom"));
    Pattern p;
    p.kind = Pattern::Structured;
    p.groups = {"head"};
    p.remake = remake;
    const auto g = prunable_groups(*model, p).front();
    const auto keep = at::tensor({0, 1, 1, 0}).to(at::kBool);
    cut_as_masked(g, keep, [&] { return tiny_logits(*model); });
    // 4 heads: 2^-2, 2^-4, 2^-6, 2^-8; 2 heads: 2^-4, 2^-8.
    const auto expected =
        remake ? at::tensor({0.0625f, 0.00390625f}) : at::tensor({0.0625f, 0.015625f});
    CHECK(g.followers.front().values->equal(expected));
  }
}

TEST_CASE("families: without a block a pre-norm model is the chain of the others", "[models]") {
  for (const auto& family : decoder_families()) {
    INFO(family);
    const auto model = build_model(tiny_checkpoint(family));
    at::NoGradGuard no_grad;
    const auto batch = tiny_text(3, 20, 3).batches.front();
    const auto skipped =
        model->head(model->block(2, model->block(0, model->stem(batch), batch), batch), batch);
    const auto g = model->groups("block")[1];
    shrink(g, at::zeros({1}, at::kBool));
    CHECK(model->forward(batch).equal(skipped));
  }
}

TEST_CASE("families: the same bits alone, in a batch, with 2 threads; prefixes are shared",
          "[models]") {
  for (const auto& family : decoder_families()) {
    INFO(family);
    const auto model = build_model(tiny_checkpoint(family));
    std::vector<Sequence> all;
    for (int64_t n : {7, 130, 3, 64}) {
      Sequence ids{1};
      for (int64_t i = 1; i < n; ++i) ids.push_back(3 + (i * i) % 90);
      all.push_back(ids);
    }
    const auto together = window_losses(*model, all, 4096);
    at::set_num_threads(2);
    const auto threads = window_losses(*model, all, 4096);
    at::set_num_threads(1);
    CHECK(together == threads);
    for (size_t i = 0; i < all.size(); ++i)
      CHECK(window_losses(*model, {all[i]}, 4096).front() == together[i]);

    Sequence first{1, 20, 31, 45, 60, 12, 77, 5, 9, 33}, second(first.begin(), first.end() - 3);
    second.insert(second.end(), {8, 10});
    const auto shared = likelihoods(*model, {Item{{{first, 3}, {second, 2}}}}, 4096).front();
    const auto one = likelihoods(*model, {Item{{{first, 3}}}}, 4096).front().front();
    const auto two = likelihoods(*model, {Item{{{second, 2}}}}, 4096).front().front();
    CHECK(std::abs(shared[0].sum - one.sum) < 1e-5);
    CHECK(std::abs(shared[1].sum - two.sum) < 1e-5);
    const std::vector<Item> crowd{Item{{{second, 2}}}, Item{{{first, 3}, {second, 2}}}};
    at::set_num_threads(2);
    const auto beside = likelihoods(*model, crowd, 4096).back();
    at::set_num_threads(1);
    CHECK(beside[0].sum == shared[0].sum);
    CHECK(beside[1].sum == shared[1].sum);
  }
}

TEST_CASE("families: the same bits whether a block runs in row tiles or is looked into",
          "[models]") {
  at::NoGradGuard no_grad;
  for (const auto& family : decoder_families()) {
    INFO(family);
    const auto model = build_model(tiny_checkpoint(family));
    const auto batch = tiny_text(3, 100, 3).batches.front();  // 300 rows: tiles of 128, 128, 44
    const auto plain = model->forward(batch);
    int64_t seen = 0;
    for (Layer* l : model->layers())
      l->tap = [&](const Tensor& x, const Tensor&) { seen += x.size(0); };
    const auto tapped = model->forward(batch);
    CHECK(at::equal(plain, tapped));
    CHECK(seen == 300 * static_cast<int64_t>(model->layers().size()));
  }
}

TEST_CASE("families: what is behind need not be computed again", "[models]") {
  const std::vector<Sequence> prompts{{5, 9, 2}, {7}, {11, 3, 8, 8, 1, 40, 2, 2, 9}};
  for (const auto& family : decoder_families()) {
    INFO(family);
    const auto model = build_model(tiny_checkpoint(family));
    // The second prompt ends early: the others go on in other places of the batch.
    const auto together = generate(*model, prompts, 12, 4096, [](size_t i, const Sequence& made) {
      return i == 1 && made.size() == 4;
    });
    for (size_t i = 0; i < prompts.size(); ++i)
      CHECK(together[i] == generate_plainly(*model, prompts[i], i == 1 ? 4 : 12));
  }
}

TEST_CASE("families: half-precision weights are computed in float32", "[models]") {
  for (const auto type : {at::kHalf, at::kBFloat16}) {
    auto stored = tiny_checkpoint("gpt2"), rounded = tiny_checkpoint("gpt2");
    for (auto& [name, t] : stored.tensors) t = t.to(type);
    for (auto& [name, t] : rounded.tensors) t = t.to(type).to(at::kFloat);
    const auto ours = tiny_logits(*build_model(stored));
    CHECK(ours.scalar_type() == at::kFloat);
    CHECK(ours.equal(tiny_logits(*build_model(rounded))));
    CHECK(!ours.equal(tiny_logits(*build_model(tiny_checkpoint("gpt2")))));
  }
}

TEST_CASE("families: a config that means another function is refused by name", "[models]") {
  CHECK(contains(refusal("llama", {{"rope_scaling", {{"type", "ntk"}, {"factor", 2}}}}), "ntk"));
  CHECK(
      contains(refusal("llama", {{"rope_scaling", {{"mrope_section", {1, 2}}}}}), "mrope_section"));
  CHECK(contains(refusal("llama", {{"hidden_act", "geglu"}}), "geglu"));
  CHECK(contains(refusal("llama", {{"attention_multiplier", 0.5}}), "attention_multiplier"));
  CHECK(contains(refusal("llama", {{"sliding_window", 4}}), "sliding_window"));
  CHECK(contains(refusal("llama", {{"attention_bias", true}}), "q_proj.bias"));
  CHECK(contains(refusal("llama", {{"tie_word_embeddings", false}}), "lm_head.weight"));
  CHECK(contains(refusal("llama", {{"num_hidden_layers", 2}}), "model.layers.2"));
  CHECK(contains(refusal("llama", {{"num_hidden_layers", "3"}}), "wrong type"));
  CHECK(contains(refusal("qwen2", {{"layer_types", {"chunked", "x", "y"}}}), "layer_types"));
  CHECK(contains(refusal("gpt2", {{"add_cross_attention", true}}), "add_cross_attention"));
  CHECK(contains(refusal("gpt2", {{"tie_word_embeddings", false}}), "lm_head.weight"));
  CHECK(contains(refusal("gpt2", {{"n_positions", 99}}), "wpe"));
  CHECK(contains(refusal("gpt_neox", {{"attention_bias", false}}), "attention.dense.bias"));
  CHECK(contains(refusal("gpt_neox", {{"rotary_pct", 1.5}}), "rotated"));
  for (const char* again : {"partial_rotary_factor", "rope_theta"})  // rotary_pct, rotary_emb_base
    CHECK(contains(refusal("gpt_neox", {{again, 0.5}}), again));
  CHECK(contains(refusal("opt", {{"tie_word_embeddings", false}}), "lm_head.weight"));
  CHECK(contains(refusal("opt", {{"word_embed_proj_dim", 12}}), "project_in"));
  CHECK(contains(refusal("opt", {{"do_layer_norm_before", false}}), "final_layer_norm"));
  CHECK(
      contains(refusal("bloom", {{"alibi", false}, {"position_type", "rotary"}}), "position_type"));
  CHECK(refusal("llama", {{"attention_dropout", 0.1}, {"_name_or_path", "x"}, {"new_thing", false}})
            .empty());
}

TEST_CASE("families: keys that change the function do", "[models]") {
  const auto differs = [](const std::string& family, const nlohmann::json& keys) {
    return (forward_with(family, keys) - forward_with(family, nlohmann::json::object()))
               .abs()
               .max()
               .item<double>() > 1e-4;
  };
  CHECK(differs("gpt2", {{"scale_attn_by_inverse_layer_idx", true}}));
  CHECK(differs("gpt2", {{"scale_attn_weights", false}}));
  CHECK(differs("gpt2", {{"activation_function", "relu"}}));
  CHECK(!differs("gpt2", {{"reorder_and_upcast_attn", true}}));
  CHECK(differs("gpt_neox", {{"use_parallel_residual", false}}));
  CHECK(differs("gpt_neox", {{"rotary_emb_base", 100}}));
  CHECK(differs("gpt_neox", {{"rotary_pct", 1.0}}));
  CHECK(!differs("gpt_neox", {{"partial_rotary_factor", 0.67}, {"rope_theta", 10000}}));
  CHECK(!differs(
      "gpt_neox",
      {{"rope_parameters",
        {{"rope_type", "default"}, {"partial_rotary_factor", 0.67}, {"rope_theta", 10000}}}}));
  CHECK(differs("mistral", {{"sliding_window", nullptr}}));
  CHECK(differs("qwen2",
                {{"use_sliding_window", true}, {"sliding_window", 4}, {"max_window_layers", 1}}));
  CHECK(!differs("qwen2",
                 {{"use_sliding_window", true}, {"sliding_window", 4}, {"max_window_layers", 3}}));
  CHECK(differs("llama", {{"rope_scaling",
                           {{"rope_type", "llama3"},
                            {"factor", 8},
                            {"low_freq_factor", 1},
                            {"high_freq_factor", 4},
                            {"original_max_position_embeddings", 8}}}}));
}
