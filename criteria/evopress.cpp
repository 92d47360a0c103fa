// EvoPress (Sieberling et al. 2024, arXiv 2410.14649): the shares of layers are searched by an
// evolutionary level switch (measure/level_search.h). A level is what the trial's criterion leaves
// of the layer; repairs come after the search.
#include <algorithm>
#include <map>
#include <numeric>

#include "core/allocator.h"
#include "measure/level_search.h"

namespace bench {
namespace {

class EvoPress : public Allocator {
 public:
  static Schema schema() {
    const LevelSearch d;
    return {key("generations", int(d.generations), "of the search").range(0, 1000000),
            key("offspring", int(d.offspring), "candidates of each generation").range(1, 100000),
            key("survivors", std::vector<int>{4, 2, 1}, "how many each stage of a generation keeps; the last: 1"),
            key("tokens", std::vector<int>{512, 1024, 4096}, "on how many tokens each stage measures").in("tokens"),
            key("fitness", "kl", "divergence from the dense model, or perplexity")
                .one_of({"kl", "ppl"}),
            key("seed", int(d.seed), "of the search").at_least(0),
            key("levels", int(d.levels), "a layer may be so many levels from the target").range(1, 1000),
            key("step", 0.1, "what a level means: this share of the layer's weights").range(0, 1),
            key("even", true,
                "a level is the same number of weights in every layer, the share of the mean layer, so "
                "that the target is kept; false: the same share"),
            key("max_deviation", int(d.max_deviation), "of the sum of absolute levels").at_least(0)};
  }
  explicit EvoPress(const Config& c)
      : step_(c.get<double>("step")), even_(c.get<bool>("even")) {
    how_.generations = c.get<int64_t>("generations");
    how_.offspring = c.get<int64_t>("offspring");
    how_.survivors = c.get<std::vector<int64_t>>("survivors");
    how_.tokens = c.get<std::vector<int64_t>>("tokens");
    how_.kl = c.get<std::string>("fitness") == "kl";
    how_.seed = c.get<int64_t>("seed");
    how_.levels = c.get<int64_t>("levels");
    how_.max_deviation = c.get<int64_t>("max_deviation");
    if (how_.survivors.empty() || how_.survivors.size() != how_.tokens.size() ||
        how_.survivors.back() != 1)
      fail("{}: survivors and tokens name the same stages, and the last keeps one", c.path());
    for (size_t i = 0; i < how_.tokens.size(); ++i)
      if (how_.survivors[i] < 1 || how_.tokens[i] < 2)
        fail("{}: a stage keeps at least one on at least two tokens", c.path());
  }

  Accepts accepts() const override {
    return {.nm = false, .units = {}, .input = Input::Text, .use = "pattern=unstructured"};
  }
  bool wants_scores() const override { return true; }
  bool runs() const override { return true; }

  std::vector<Share> shares(const Split& split) const override {
    const auto& parts = split.parts;
    const auto& probe = *split.probe;
    if (probe.data.batches.empty())
      fail("allocator evopress: measures on calibration data, and there is none");
    // By name, as the authors' database is listed.
    std::vector<size_t> order(parts.size());
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(),
              [&](size_t a, size_t b) { return parts[a].name < parts[b].name; });
    std::map<std::string, Layer*> by_name;
    for (Layer* l : probe.layers) by_name[l->name] = l;
    std::vector<Layer*> layers;
    for (const auto i : order) layers.push_back(by_name.at(parts[i].name));
    const double mean = std::accumulate(parts.begin(), parts.end(), 0.0,
                                        [](double sum, const Part& p) { return sum + double(p.size); }) /
                        static_cast<double>(parts.size());
    const auto share = [&](size_t part, int64_t level) {
      const double step = even_ ? step_ * mean / static_cast<double>(parts[part].size) : step_;
      return split.target + step * static_cast<double>(level);
    };
    const auto found = search_levels(
        probe.model, probe.data, layers, how_, [&](size_t i, int64_t level) -> Tensor {
          const auto s = share(order[i], level);
          if (s < 0 || s >= 1) return {};
          return layers[i]->matrix().masked_fill(~split.mask(order[i], {s}), 0);
        });
    std::vector<Share> out(parts.size());
    for (size_t i = 0; i < order.size(); ++i) out[order[i]] = {share(order[i], found[i])};
    return out;
  }

 private:
  LevelSearch how_;
  double step_;
  bool even_;
};

BENCH_REGISTER(Allocator, EvoPress, "evopress",
               .doc = "shares of layers searched by mutation and staged selection",
               .source = "Sieberling et al. 2024, arXiv 2410.14649", .year = 2024,
               .data = About::Data::Unlabelled, .how = About::How::Searched);

}  // namespace
}  // namespace bench
