// LLM-Streamline (Chen et al. 2024, arXiv 2403.19135; RUCKBReasoning/LLM-Streamline@adf50ba
// get_cosine.py:8-20, 40-60): the blocks in a row whose two ends are most alike, by the cosine of
// every token's hidden states. As the authors measure it, what leaves the last block is seen behind
// the final norm. Their replacement, a layer that is trained, is not built: blocks just go.
#include <limits>
#include <set>

#include "core/criterion.h"
#include "measure/passes.h"

namespace bench {
namespace {

/// As many blocks in a row as the target asks for.
struct AlikeRun : Statistic {
  static constexpr const char* kName = "alike_run";
  static const Pass& pass();
  AlikeRun(const Layer&, int normed_) : normed(normed_ != 0) {}
  Values values() const override { return {{"run", at::tensor({first, length})}}; }
  Notes notes() const override { return {{"streamline.similarity", similarity}}; }
  bool normed;
  int64_t first = 0, length = 0;
  std::vector<double> similarity;  // of each run, by its first block: 0 to 1
};

/// Token mean of (1 + cosine) / 2.
double alike(const Tensor& a, const Tensor& b) {
  return at::cosine_similarity(a.to(at::kDouble), b.to(at::kDouble), 1, 1e-8)
      .mul(0.5)
      .add(0.5)
      .mean()
      .item<double>();
}

void find_run(const Probe& p, Heard<AlikeRun> heard) {
  at::NoGradGuard no_grad;
  if (heard.empty()) return;
  const bool normed = heard.front().second->normed;
  const auto length =
      static_cast<int64_t>(p.target * static_cast<double>(p.groups.size()) * (1 + 1e-12));
  const auto sequences = split(p.data.batches);
  const auto ends = p.model.block_count() - length;
  std::vector<double> similar(static_cast<size_t>(std::max<int64_t>(ends + 1, 0)), 0);
  for (const auto& one : sequences) {
    std::vector<Tensor> states{p.model.stem(one)};
    for (int64_t b = 0; b < p.model.block_count(); ++b)
      states.push_back(p.model.block(b, states.back(), one));
    if (normed) states.back() = p.model.features(states.back(), one);
    for (size_t i = 0; i < similar.size(); ++i)
      similar[i] += alike(states[i], states[i + static_cast<size_t>(length)]) /
                    static_cast<double>(sequences.size());
  }
  int64_t best = -1;
  double most = -std::numeric_limits<double>::infinity();
  std::set<int64_t> candidates;
  for (const Group* g : p.groups) candidates.insert(g->block);
  for (int64_t i = 0; length > 0 && i < static_cast<int64_t>(similar.size()); ++i) {
    bool all = true;  // of the run may go
    for (int64_t b = i; b < i + length; ++b) all = all && candidates.contains(b);
    if (all && similar[static_cast<size_t>(i)] > most)
      most = similar[static_cast<size_t>(i)], best = i;
  }
  for (const auto& [layer, s] : heard) s->first = best, s->length = length, s->similarity = similar;
}

const Pass kFindRun = pass_of<AlikeRun>(Pass::Global, find_run, Pass::All, /*aimed=*/true);
const Pass& AlikeRun::pass() {
  return kFindRun;
}

class Streamline : public Criterion {
 public:
  static Schema schema() {
    return {key("normed", true,
                "what leaves the last block is compared behind the final norm, as transformers "
                "gives it; false: as it is")};
  }
  explicit Streamline(const Config& c) : normed_(c.get<bool>("normed")) {}
  Ranks accepts() const override {
    return {{.weights = false, .nm = false, .units = {"block"}, .input = Input::Text}};
  }
  Needs needs() const override { return {kind()}; }
  Tensor units(const Group& group, const Stats& stats) const override {
    const auto& run = stats.get<AlikeRun>(*group.slices.front().layer, kind());
    const bool inside =
        run.first >= 0 && group.block >= run.first && group.block < run.first + run.length;
    return at::tensor({inside ? 0.0 : 1.0}, at::kDouble);
  }

 private:
  StatisticKind kind() const { return need<AlikeRun>(int{normed_}); }
  bool normed_;
};

BENCH_REGISTER(Criterion, Streamline, "streamline",
               .doc = "blocks in a row whose ends are most alike, by the cosine of all tokens",
               .source = "Chen et al. 2024, arXiv 2403.19135", .year = 2024,
               .data = About::Data::Unlabelled, .how = About::How::Searched);

}  // namespace
}  // namespace bench
