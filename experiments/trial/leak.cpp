// Does calibration text come back in the evaluation?
#include "data/overlap.h"
#include "trial/validity.h"

namespace bench {
namespace {

using text::WordGrams;

struct Overlap {
  double of_calibration = 0, of_evaluation = 0;
  size_t calibration = 0, evaluation = 0;  // n-grams
};

std::shared_ptr<const WordGrams> grams(Workbench& bench, const std::string& key,
                                       const std::function<std::vector<std::string>()>& texts) {
  return bench.get_as<const WordGrams>("grams|" + key,
                                       [&] { return std::make_shared<const WordGrams>(texts()); });
}

Overlap measured(const Evidence& e, const CalibrationSource& c, Workbench& bench) {
  if (!e.texts || !c.texts) return {};
  // Ids mean nothing without their tokenizer.
  const auto of = (e.tokenizer ? e.tokenizer->hash() : "") + "|";
  return *bench.get_as<const Overlap>("overlap|" + of + c.hash + "|" + e.items, [&] {
    const auto there = grams(bench, "data|" + of + c.hash, c.texts);
    const auto here = grams(bench, "task|" + of + e.items, e.texts);
    return std::make_shared<const Overlap>(
        Overlap{there->share_in(*here), here->share_in(*there), there->size(), here->size()});
  });
}

/// What both files are known to be a part of, "" where that is not recorded.
std::string shared_corpus(const std::string& bytes, const std::string& other) {
  const auto *a = recorded_bytes(bytes), *b = recorded_bytes(other);
  return a && b && a->corpus == b->corpus ? a->corpus : "";
}

}  // namespace

VerdictRow judge_leak(const Evidence& e, const CalibrationSource& c, Workbench& bench) {
  const auto &here = bytes_of(e.file), &there = bytes_of(c.file);
  const bool same = here == there;
  const auto corpus = same ? "" : shared_corpus(here, there);
  const auto overlap = measured(e, c, bench);
  const bool copied =
      std::max(overlap.of_calibration, overlap.of_evaluation) >= text::kOverlapLimit;
  auto detail = same              ? fmt::format("{} on the evaluated file {}", c.used, c.file)
                : !corpus.empty() ? fmt::format("{} on {}, the corpus {} of the evaluation", c.used,
                                                c.file, corpus)
                : copied          ? fmt::format("text of {} is in the evaluation", c.file)
                                  : fmt::format("{} on {}", c.used, c.file);
  if (e.texts && c.texts)
    detail += fmt::format(
        "; {}-grams: {:.3f} % of {} of the calibration are in the evaluation, "
        "{:.3f} % of {} of the evaluation in the calibration (limit {} %)",
        text::kOverlapWords, 100 * overlap.of_calibration, overlap.calibration,
        100 * overlap.of_evaluation, overlap.evaluation, 100 * text::kOverlapLimit);
  return task_verdict("calibration_leak", !same && corpus.empty() && !copied, e.task, e.protocol,
                      detail);
}

std::vector<std::string> texts_of(const std::vector<Batch>& batches, const Tokenizer& tokenizer) {
  std::vector<std::string> all;
  for (const auto& b : batches) {
    const auto ids = b.ids.cpu().contiguous();
    const auto* from = ids.const_data_ptr<int64_t>();
    for (int64_t s = 0; s < b.segments(); ++s) {
      const auto at = static_cast<size_t>(s);
      all.push_back(tokenizer.decode({from + b.starts[at], from + b.starts[at + 1]}));
    }
  }
  return all;
}

}  // namespace bench
