// SparseGPT, the ablation of Wanda's authors, Thanos.
#include "parity/recipes.h"

namespace bench::verify {
namespace {

Recipe::Step obs(const Json& record, bool reselect) {
  const auto p = parameters(record);
  return {"obs",
          {{"reselect", Value(reselect)},
           {"damping", number(p, "percdamp", 0.01)},
           {"slab", whole(p, "blocksize", 128)}}};
}

const RecordedAs kSparseGpt({"sparsegpt"}, [](const Json& r) -> std::optional<Recipe> {
  return Recipe{{"sparsegpt", {{"damping", number(parameters(r), "percdamp", 0.01)}}},
                {obs(r, true)}};
});

/// seq: the mask first; iter: slab by slab among all rows.
const RecordedAs kAblate(
    {"ablate_mag_seq", "ablate_mag_iter", "ablate_wanda_seq", "ablate_wanda_iter"},
    [](const Json& r) -> std::optional<Recipe> {
      const auto name = r.at("method").get<std::string>();
      const bool anew = name.ends_with("_iter");
      Recipe how{{name.starts_with("ablate_mag") ? "magnitude" : "ablate_wanda"}, {obs(r, anew)}};
      if (anew) how.contest = Contest::Layer;
      return how;
    });

const RecordedAs kThanos({"thanos"}, [](const Json& r) -> std::optional<Recipe> {
  const auto p = parameters(r);
  return Recipe{{"thanos"},
                {{"thanos",
                  {{"damping", number(p, "percdamp", 0.01)},
                   {"slab", whole(p, "blocksize", 512)},
                   {"columns", Value(p.value("structured", false))},
                   {"outliers", number(p, "perc_outliers", 0)},
                   {"cost", Value("last")}}}}};
});

const RecordedAs kSparseLlm({"sparsellm"}, [](const Json& r) -> std::optional<Recipe> {
  const auto p = parameters(r);
  return Recipe{{"sparsegpt", {{"damping", number(p, "percdamp", 0.01)}}},
                {obs(r, true),
                 {"sparsellm",
                  {{"penalty", number(p, "gamma", 5)},
                   {"damping", number(p, "percdamp", 0.01)},
                   {"slab", whole(p, "blocksize", 128)}}}}};
});

}  // namespace
}  // namespace bench::verify
