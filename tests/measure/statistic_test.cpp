// What a pass that listens leaves out must not be heard.
#include "measure/statistics.h"
#include "fixture.h"

using namespace bench;
using namespace bench::test;

namespace {

/// The inputs of some layers of a block, summed by taps in a plain run of the whole block.
std::vector<InputMoments> heard_by_hand(Model& model, const Calibration& data, int64_t block,
                                        const std::vector<Layer*>& layers) {
  std::vector<InputMoments> all;
  for (const Layer* l : layers) all.emplace_back(*l);
  for (size_t i = 0; i < layers.size(); ++i)
    layers[i]->tap = [&s = all[i]](const Tensor& x) { s.on_input(x, 1); };
  for (size_t b = 0; b < data.batches.size(); ++b)
    model.block(block, data.hidden[b], data.batches[b]);
  for (Layer* l : layers) l->tap = nullptr;
  return all;
}

}  // namespace

TEST_CASE("listening to any layers of a block hears what a whole run hears", "[statistics]") {
  const auto* family = GENERATE("gpt2", "gpt_neox", "llama", "mistral", "qwen2", "opt", "bloom");
  CAPTURE(family);
  at::NoGradGuard no_grad;
  const auto model = build_model(tiny_checkpoint(family));
  auto data = tiny_text(3, 20, 1);
  data.start(*model);
  data.advance(*model, {0, 1});
  const auto all = model->layers(1);
  for (size_t first = 0; first < all.size(); ++first)
    for (size_t last = first; last < all.size(); ++last) {
      const std::vector<Layer*> some(all.begin() + static_cast<int64_t>(first),
                                     all.begin() + static_cast<int64_t>(last) + 1);
      const auto stats = collect({*model, {1, 2}, data, some}, {need<InputMoments>()}, Pass::Local);
      const auto expected = heard_by_hand(*model, data, 1, some);
      for (size_t i = 0; i < some.size(); ++i) {
        const auto& found = stats->get<InputMoments>(*some[i]);
        CHECK(found.sum.equal(expected[i].sum));
        CHECK(found.square_sum.equal(expected[i].square_sum));
      }
      for (const Layer* l : all) CHECK((!l->tap && !l->lens));
    }
}
