// Turning the residual stream changes nothing but rounding; what is cut is cut from the same model.
#include "core/stage.h"
#include "core/stream.h"
#include "criteria/by_hand.h"

using namespace bench;
using namespace bench::test;

namespace {

Method slicing() {
  Method m;
  m.criterion = criterion("slicegpt");
  m.allocator = Registry<Allocator>::instance().create("uniform");
  m.pattern.kind = Pattern::Structured;
  m.pattern.groups = {"hidden"};
  m.propagation = Propagation::Dense;
  return m;
}

/// The stage in front, then the cut.
std::vector<Removed> sliced(Model& model, const Method& how, double target, Calibration& data) {
  at::NoGradGuard no_grad;
  std::map<std::string, std::shared_ptr<const Snapshot>> kept;
  StageContext c{model, how, target, at::kCPU, kept, {}, {}, ""};
  c.calibration = [&] { return data; };
  Registry<Stage>::instance().create("slicegpt_turn")->apply(c);
  return prune(model, how, target, data);
}

/// Embeddings without mean and the norms' eps of 1e-5: what SliceGPT asks of a model by itself.
std::unique_ptr<Model> centred(const std::string& family) {
  auto c = tiny_checkpoint(family);
  for (auto& [name, t] : c.tensors)
    if (name.find("embed") != std::string::npos || name.find("wte") != std::string::npos ||
        name.find("wpe") != std::string::npos)
      t = t - t.mean(1, true);
  if (family == "llama" || family == "qwen2") c.config["rms_norm_eps"] = 1e-5;
  c.config["tie_word_embeddings"] = true;
  return build_model(c);
}

}  // namespace

TEST_CASE("SliceGPT: the turned stream at full width is the same function", "[criteria]") {
  for (const std::string family : {"llama", "qwen2", "opt", "gpt2"}) {
    INFO(family);
    const auto model = centred(family);
    const Snapshot dense(*model);
    at::NoGradGuard no_grad;
    const auto batch = tiny_text(3, 20, 3).batches.front();
    const auto before = model->forward(batch);
    const auto values = turn_stream(*model, tiny_text(4, 24, 4), 24);
    const auto after = model->forward(batch);
    CHECK((after - before).abs().max().item<double>() < 2e-5 * before.abs().max().item<double>());
    REQUIRE(values.size() == 7);
    for (const auto& v : values) CHECK((v.diff() <= 0).all().item<bool>());
    CHECK(contains(error_of([&] { turn_stream(*model, tiny_text(1, 8, 1), 24); }), "already"));
    dense.restore(*model);
    CHECK(model->forward(batch).equal(before));
  }
}

TEST_CASE("SliceGPT: components that are cut away and masked ones are the same function",
          "[criteria]") {
  for (const std::string family : {"llama", "opt", "gpt2"}) {
    INFO(family);
    auto& s = shipped("tiny-" + family);
    auto data = tiny_text(4, 24, 4);
    const auto how = slicing();
    how.check();
    const auto removed = sliced(*s.model, how, 0.25, data);
    REQUIRE(removed.size() == 1);
    CHECK(removed.front().keep.sum().item<int64_t>() == 18);
    at::NoGradGuard no_grad;
    const auto batch = tiny_text(3, 20, 3).batches.front();
    const auto masked = s.model->forward(batch);
    for (const auto& r : removed) shrink(r.group, r.keep);
    const auto cut = s.model->forward(batch);
    CHECK((masked - cut).abs().max().item<double>() <= 1e-5 * masked.abs().max().item<double>());
    CHECK(s.model->layers(1).front()->columns() == 18);
  }
}

TEST_CASE("SliceGPT refuses what it cannot turn", "[criteria]") {
  for (const std::string family : {"bloom", "gpt_neox"}) {
    auto& s = shipped("tiny-" + family);
    auto data = tiny_text(2, 16, 2);
    CHECK(contains(error_of([&] { sliced(*s.model, slicing(), 0.25, data); }), "cannot be turned"));
  }
  auto how = slicing();
  how.pattern.groups = {"head"};
  CHECK(contains(error_of([&] { how.check(); }), "pattern=hidden"));
}
