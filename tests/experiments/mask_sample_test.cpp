#include "trial/mask_sample.h"

#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "models/checkpoint.h"
#include "test.h"
#include "tiny.h"

using namespace bench;
using namespace bench::test;

TEST_CASE("sampled weights: in order, one in each stretch, the same for equal sizes", "[trial]") {
  for (const int64_t numel : {1, 7, 1024, 1025, 100'000, 45'088'768}) {
    const auto places = sampled_places(numel);
    CAPTURE(numel);
    REQUIRE(places.size() == static_cast<size_t>(std::min<int64_t>(numel, 1024)));
    CHECK(places == sampled_places(numel));
    CHECK(places.front() >= 0);
    CHECK(places.back() < numel);
    for (size_t i = 1; i < places.size(); ++i) REQUIRE(places[i] >= places[i - 1]);
  }
}

TEST_CASE("what is gone is a bit", "[trial]") {
  auto checkpoint = TinyMaker("llama").make();
  const auto model = build_model(checkpoint);
  Outcome none;
  record_mask_sample(none, *model);
  CHECK(none.notes.empty());
  Layer* layer = model->layers().front();
  auto keep = at::ones(layer->matrix().sizes(), at::kBool);
  keep.view({-1}).slice(0, 0, 3).fill_(false);
  layer->set_mask(keep);
  Outcome out;
  record_mask_sample(out, *model);
  REQUIRE(out.notes.size() == 1);
  const auto all = nlohmann::json::parse(out.notes[0].second);
  REQUIRE(all.size() == 1);
  const auto bits = text::from_base64(all[layer->weight_name()].get<std::string>(), "");
  CHECK(static_cast<int64_t>(bits.size()) == (std::min<int64_t>(1024, keep.numel()) + 7) / 8);
  CHECK(bits[0] == 7);  // 24 * 24 weights: asked whole, three are gone
}
