// Predicted memory: the parameter counts of known models, and the arithmetic of mini_llm.md 6.2.
#include "reports/memory_model.h"

#include <cmath>
#include <fstream>

#include "test.h"

using namespace bench;

namespace {

Shapes known(const std::string& name) {
  std::ifstream in(test::root() / "data/recorded/shapes" / (name + ".json"));
  return Shapes::from(nlohmann::json::parse(in), name);
}

}  // namespace

TEST_CASE("memory: parameters from shapes alone", "[memory]") {
  CHECK(known("llama-7b").parameters() == 6'738'415'616);
  CHECK(known("opt-6.7b").parameters() == 6'658'473'984);
  CHECK(known("bloom-7b1").parameters() == 7'069'016'064);
}

TEST_CASE("memory: 7B in float16 takes what weights and gradients take", "[memory]") {
  MemoryWish wish;
  wish.bytes_per_weight = 2;
  const auto lines = memory_model(known("llama-7b"), wish);
  const auto mib = [](double bytes) { return std::llround(bytes / 1024 / 1024); };
  CHECK(mib(lines[0].total()) == 12'853);  // 6,738,415,616 x 2 bytes
  // A stored gradient of every weight doubles that; backprop's are of the scored layers alone.
  CHECK(mib(lines[3].weights + lines[3].gradients) == 25'705);
  CHECK(lines[5].gradients == 2 * lines[4].gradients);
  // Zeroth order needs three matrices beside the weights, not a model.
  CHECK(lines[2].total() < 1.1 * lines[1].total());
  CHECK(test::contains(render_memory(known("llama-7b"), wish, 24.0 * 1024 * 1024 * 1024),
                       "does not fit"));
}

namespace {

/// The shapes of TinyLlama, as tests/scale/make_model.py makes them; small: half as wide.
Shapes tiny_llama(int64_t blocks, bool small = false) {
  const int64_t part = small ? 2 : 1;
  return Shapes::from({{"model_type", "llama"},
                       {"hidden_size", 2048 / part},
                       {"intermediate_size", 5632 / part},
                       {"num_hidden_layers", blocks},
                       {"num_attention_heads", 32 / part},
                       {"num_key_value_heads", 4},
                       {"vocab_size", 32000},
                       {"tie_word_embeddings", false}},
                      "tiny");
}

MemoryWish as_measured() {
  MemoryWish wish;
  wish.bytes_per_weight = 2;
  wish.samples = 2;
  wish.length = 128;
  return wish;
}

/// Anonymous and resident peaks, whole and by block, in MiB (docs/memory.md); 0: not measured.
struct Measured {
  size_t way;  // in the order of host_memory()
  int64_t blocks;
  bool small;
  double whole, whole_resident, block, block_resident;
};
const Measured kMeasured[] = {
    {0, 4, false, 548, 842, 295, 691},     {1, 4, false, 562, 868, 241, 771},
    {1, 22, false, 2129, 2436, 316, 2201}, {2, 4, false, 1307, 1378, 1029, 1292},
    {3, 4, false, 506, 942, 417, 920},     {4, 4, false, 1386, 1896, 1385, 1896},
    {2, 4, true, 387, 522, 0, 0},          {3, 4, true, 309, 499, 299, 488},
    {4, 4, true, 594, 791, 607, 801},      {1, 4, true, 226, 399, 134, 363},
    {0, 4, true, 223, 384, 142, 320},      {3, 10, true, 405, 628, 0, 0},
    {4, 10, true, 1370, 1693, 0, 0},
};

}  // namespace

TEST_CASE("memory: both residencies are within 15 % of what was measured", "[memory]") {
  for (const auto& m : kMeasured) {
    const auto line = host_memory(tiny_llama(m.blocks, m.small), as_measured()).at(m.way);
    const auto near = [&](double predicted, double measured) {
      INFO(line.what << ", " << m.blocks << (m.small ? " small" : "") << " blocks: predicted "
                     << predicted / 1024 / 1024 << " MiB, measured " << measured);
      CHECK((measured == 0 || std::abs(predicted / 1024 / 1024 / measured - 1) <= 0.15));
    };
    near(line.whole.anonymous, m.whole);
    near(line.whole.resident, m.whole_resident);
    near(line.block.anonymous, m.block);
    near(line.block.resident, m.block_resident);
  }
}

TEST_CASE("memory: the Gram matrices of a block, and the table of a host", "[memory]") {
  CHECK(tiny_llama(4).block_grams() == 6 * 2048 * 2048 + 5632 * 5632);
  CHECK(tiny_llama(4).largest_gram() == 5632 * 5632);
  CHECK(known("bloom-7b1").block_grams() == 3 * 4096LL * 4096 + 16384LL * 16384);
  const auto text = render_memory(tiny_llama(22), as_measured(), 0);
  CHECK(test::contains(text, "residency=block"));
  CHECK(test::contains(text, "sparsegpt"));
  // Nothing of a host where a card is asked for.
  CHECK_FALSE(test::contains(render_memory(tiny_llama(22), as_measured(), 1e9), "residency"));
}

TEST_CASE("memory: what cannot be read is a sentence", "[memory]") {
  CHECK(test::contains(test::error_of([] {
                         Shapes::from({{"model_type", "lama"}}, "x");
                       }),
                       "llama"));
  CHECK(test::contains(test::error_of([] {
                         Shapes::from({{"model_type", "opt"}}, "x");
                       }),
                       "hidden_size"));
  CHECK(test::contains(test::error_of([] { Shapes::from(nlohmann::json::array(), "x"); }),
                       "no JSON object"));
}
