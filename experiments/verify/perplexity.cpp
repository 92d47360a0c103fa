// Window losses recorded from transformers on the WikiText-2 test text.
#include "base/digest.h"
#include "io/data.h"
#include "io/text_source.h"
#include "tasks/scoring.h"
#include "verify/verify.h"

namespace bench::verify {
namespace {

constexpr int64_t kBatchTokens = 4096;
/// Scoring whole test sets of large models takes hours; the first windows prove the same.
constexpr int64_t kTokensPerRun = 1 << 17;

void verify_run(Run& run, const fs::path& file, Run::Loaded& loaded, const Json& entry,
                const Json& ids_record) {
  const auto variant = entry.at("tokenizer").get<std::string>();
  const auto tokenizer = loaded.checkpoint.tokenizer(variant);
  const auto ids = tokenizer->encode(
      join(read_documents("text/wikitext2/wiki.test.raw", "wikitext"), "\n\n"), true);
  if (ids_record.contains(variant)) {
    const auto& want = ids_record.at(variant);
    if (sha256_hex(json_array_text(ids)) != want.at("sha256_json").get<std::string>())
      bench::fail("{} {} ids where {} are recorded, or others", ids.size(), variant,
                  want.at("n").dump());
  }
  const auto length = entry.at("seqlen").get<int64_t>();
  const auto theirs = entry.at("mean_ce_per_window").get<std::vector<double>>();
  auto count = std::min<int64_t>(static_cast<int64_t>(theirs.size()), kTokensPerRun / length);
  if (loaded.model->block_count() > 20) count = std::min<int64_t>(count, 4096 / length);
  std::vector<Sequence> windows;
  for (int64_t i = 0; i < count; ++i)
    windows.emplace_back(ids.begin() + i * length, ids.begin() + (i + 1) * length);
  const auto ours = window_losses(*loaded.model, windows, kBatchTokens);
  double worst = 0;
  for (size_t i = 0; i < ours.size(); ++i) worst = std::max(worst, std::abs(ours[i] - theirs[i]));
  const double tolerance = loaded.model->block_count() > 20 ? 2e-5 : 1e-5;
  if (!(worst <= tolerance))
    bench::fail("{}@{}: a window's mean loss is off by {:.2e}", variant, length, worst);
  run.pass("perplexity", worst / tolerance);
  if (count < static_cast<int64_t>(theirs.size()))
    return;  // counted as passed on its first windows; the full run is a sweep's business
  double mean = 0;
  for (const auto l : ours) mean += l / static_cast<double>(ours.size());
  const double ppl = entry.at("ppl").get<double>();
  if (std::abs(std::exp(mean) / ppl - 1) > 1e-4)
    run.fail_case("perplexity", file,
                  fmt::format("ppl {} where {} is recorded", std::exp(mean), ppl));
}

}  // namespace

void verify_perplexity(Run& run, const fs::path& file) {
  const auto record = read_json(file);
  auto& loaded = run.model(record.at("model").get<std::string>());
  for (const auto& entry : record.at("corpus"))
    run.guarded("perplexity", file,
                [&] { verify_run(run, file, loaded, entry, record.value("ids", Json::object())); });
  if (record.contains("rolling") && !record["rolling"].empty())
    run.skip("rolling perplexity", file, "the rolling protocol is not built yet");
}

}  // namespace bench::verify
