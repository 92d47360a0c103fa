// Shares that differ from block to block or layer to layer, under Wanda and others.
#include "parity/recipes.h"

namespace bench::verify {
namespace {

const RecordedAs kOwl({"owl_wanda", "owl_magnitude", "owl_sparsegpt"},
                      [](const Json& r) -> std::optional<Recipe> {
                        const auto p = parameters(r);
                        auto how = ranked_by(r);
                        how.allocator = {"owl",
                                         {{"outlier", number(p, "Hyper_m", 5)},
                                          {"spread", number(p, "Lamda", 0.08)}}};
                        return how;
                      });

const RecordedAs kAlpha({"alphapruning_wanda", "alphapruning_magnitude", "alphapruning_sparsegpt"},
                        [](const Json& r) -> std::optional<Recipe> {
  const auto p = parameters(r);
  const auto metric = p.value("ww_metric", std::string("alpha_peak"));
  if (metric != "alpha_peak" && metric != "alpha_mid") return std::nullopt;
  auto how = ranked_by(r);
  how.allocator = {
      "alphapruning",
      {{"from", Value(metric.substr(metric.find('_') + 1))},
       {"per", Value(std::string(p.value("mapping_type", std::string("block_wise")) == "block_wise"
                                     ? "block"
                                     : "layer"))},
       {"spread", number(p, "epsilon", 0.3)}}};
  return how;
});

const RecordedAs kDlp({"dlp_wanda", "dlp_magnitude", "dlp_sparsegpt"}, [](const Json& r) -> std::optional<Recipe> {
  auto how = ranked_by(r);
  how.allocator = {"dlp", {{"spread", number(parameters(r), "alpha", 0.15)}}};
  return how;
});

const RecordedAs kAtp({"atp_wanda", "atp_magnitude", "atp_sparsegpt"}, [](const Json& r) -> std::optional<Recipe> {
  auto how = ranked_by(r);
  how.allocator = {"atp", {{"step", number(parameters(r), "beta", 0.01)}}};
  return how;
});

}  // namespace
}  // namespace bench::verify
