// Predicted memory: the parameter counts of known models, and the arithmetic of mini_llm.md 6.2.
#include "reports/memory_model.h"

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
