// What cannot be brought into memory by any residency is refused before it is tried.
#include <fmt/format.h>

#include <limits>

#include "experiments/ledger.h"
#include "front/program.h"
#include "test.h"
#include "trial/residency.h"

using namespace bench;
using namespace bench::test;

namespace fs = std::filesystem;

namespace {

/// A LLaMA's config.json alone, whose weights would be drawn.
std::string drawn_llama(int64_t hidden, int64_t inner, int64_t blocks) {
  std::string shapes = fmt::format("\"model.embed_tokens.weight\": [512, {}]", hidden);
  const auto add = [&](const std::string& name, int64_t out, int64_t in) {
    shapes += fmt::format(", \"model.layers.{}.weight\": [{}, {}]", name, out, in);
  };
  for (int64_t b = 0; b < blocks; ++b) {
    for (const char* l : {"q", "k", "v", "o"})
      add(fmt::format("{}.self_attn.{}_proj", b, l), hidden, hidden);
    for (const char* l : {"gate", "up"}) add(fmt::format("{}.mlp.{}_proj", b, l), inner, hidden);
    add(fmt::format("{}.mlp.down_proj", b), hidden, inner);
    for (const char* n : {"input_layernorm", "post_attention_layernorm"})
      shapes += fmt::format(", \"model.layers.{}.{}.weight\": [{}]", b, n, hidden);
  }
  return fmt::format(
      "{{\"model_type\": \"llama\", \"hidden_size\": {}, \"intermediate_size\": {}, "
      "\"num_hidden_layers\": {}, \"num_attention_heads\": 8, \"num_key_value_heads\": 8, "
      "\"vocab_size\": 512, \"max_position_embeddings\": 512, \"tie_word_embeddings\": true, "
      "\"rms_norm_eps\": 1e-5, \"drawn\": {{\"seed\": 1, \"shapes\": {{{}, "
      "\"model.norm.weight\": [{}]}}}}}}",
      hidden, inner, blocks, shapes, hidden);
}

struct Folder {
  TempDir dir;
  fs::path model = dir.path / "shape";

  Folder(int64_t hidden, int64_t inner, int64_t blocks) {
    setenv("BENCH_HOME", root().c_str(), 1);
    fs::create_directories(model);
    for (const auto& f : fs::directory_iterator(root() / "data/models/stories260k"))
      if (f.path().filename() != "model.safetensors" && f.path().filename() != "config.json")
        fs::copy_file(f.path(), model / f.path().filename());
    std::ofstream(model / "config.json") << drawn_llama(hidden, inner, blocks);
  }
  Ran plan(const std::string& words) const {
    std::ofstream(dir.path / "sweep.yaml")
        << "defaults: [criterion: wanda, data: c4_small, task: [stories_10], _self_]\n"
        << "model: {name: shape, path: " << model.string() << "}\nsparsity: 0.5\nseed: 0\n";
    return run("plan " + (dir.path / "sweep.yaml").string() + " " + words);
  }
};

Method method_of(const std::string& criterion, Propagation propagation) {
  Method m;
  m.criterion = named<Criterion>("criterion", criterion);
  m.allocator = named<Allocator>("allocator", "uniform");
  m.propagation = propagation;
  return m;
}

}  // namespace

TEST_CASE("plan refuses what no residency brings into memory, and draws nothing", "[room]") {
  const Folder huge(16384, 16384, 4096);  // 28 TiB in float32
  const auto planned = huge.plan("");
  INFO(planned.output);
  CHECK(planned.code == 2);
  CHECK(contains(planned.output, "28672.5 GiB of weights that its config.json draws"));
  CHECK(contains(planned.output, "residency=block"));
  CHECK(contains(planned.output, "are free"));
  CHECK(contains(planned.output, "model.safetensors"));
}

TEST_CASE("plan takes what fits", "[room]") {
  const Folder small(64, 96, 2);
  const auto planned = small.plan("");
  INFO(planned.output);
  CHECK(planned.code == 0);
}

TEST_CASE("room: the statistics of a method by shapes alone", "[room]") {
  const Folder wide(256, 384, 3);
  const auto of = [&](const std::string& criterion, Propagation p) {
    const auto m = method_of(criterion, p);
    return least_demand(wide.model, at::kFloat, &m);
  };
  const int64_t grams = 4 * (6 * 256 * 256 + 384 * 384);  // of a block, float32
  const auto one = of("sparsegpt", Propagation::SequentialBlock);
  CHECK(one.statistics == grams);
  CHECK(one.of == "block 0");
  CHECK(one.layer == 5 * 256 * 384);
  CHECK(one.drawn == 4 * (512 * 256 + 256 + 3 * (4 * 256 * 256 + 3 * 256 * 384 + 2 * 256)));
  CHECK(of("sparsegpt", Propagation::Dense).statistics == 3 * grams);
  CHECK(of("sparsegpt", Propagation::PerLinear).statistics == 4 * 384 * 384);
  CHECK(of("magnitude", Propagation::SequentialBlock).statistics == 0);
  CHECK(of("wanda", Propagation::SequentialBlock).statistics == 3 * 8 * (6 * 256 + 384));
  CHECK(least_demand(wide.model, at::kFloat, nullptr).total() == one.drawn);
}

TEST_CASE("room: what is missing is one sentence with its remedy", "[room]") {
  const int64_t gib = int64_t{1} << 30;
  const auto said = [&](const Demand& d) { return error_of([&] { check_room(d, "m", 8 * gib); }); };
  CHECK(said({0, 7 * gib, gib, "block 0"}).empty());
  const auto block = said({0, 12 * gib, gib / 2, "block 0"});
  CHECK(contains(block, "at least 12.5 GiB"));
  CHECK(contains(block, "12.0 GiB of statistics of block 0"));
  CHECK(contains(block, "8.0 GiB are free"));
  CHECK(contains(block, "smaller statistics"));
  CHECK(contains(said({0, 12 * gib, 0, "all blocks"}), "propagation=sequential_block"));
  CHECK(contains(said({9 * gib, 0, 0, ""}), "model.safetensors"));
  CHECK(contains(said({0, 0, 9 * gib, ""}), "smaller model"));
}
