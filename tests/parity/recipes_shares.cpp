// Wanda with shares that differ from block to block or layer to layer.
#include "parity/recipes.h"

namespace bench::verify {
namespace {

const RecordedAs kAlpha({"alphapruning_wanda"}, [](const Json& r) -> std::optional<Recipe> {
  const auto p = parameters(r);
  const auto metric = p.value("ww_metric", std::string("alpha_peak"));
  if (metric != "alpha_peak" && metric != "alpha_mid") return std::nullopt;
  Recipe how{{"wanda"}};
  how.allocator = {
      "alphapruning",
      {{"from", Value(metric.substr(metric.find('_') + 1))},
       {"per", Value(std::string(p.value("mapping_type", std::string("block_wise")) == "block_wise"
                                     ? "block"
                                     : "layer"))},
       {"spread", number(p, "epsilon", 0.3)}}};
  return how;
});

const RecordedAs kDlp({"dlp_wanda"}, [](const Json& r) -> std::optional<Recipe> {
  Recipe how{{"wanda"}};
  how.allocator = {"dlp", {{"spread", number(parameters(r), "alpha", 0.15)}}};
  return how;
});

const RecordedAs kAtp({"atp_wanda"}, [](const Json& r) -> std::optional<Recipe> {
  Recipe how{{"wanda"}};
  how.allocator = {"atp", {{"step", number(parameters(r), "beta", 0.01)}}};
  return how;
});

}  // namespace
}  // namespace bench::verify
