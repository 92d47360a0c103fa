// Perplexities recorded from transformers and lm-eval on the WikiText-2 test text: window losses of
// the papers' protocols (`corpus`) and page log-likelihoods (`rolling`).
#include "base/digest.h"
#include "data/data.h"
#include "data/text_source.h"
#include "tasks/rolling.h"
#include "parity/verify.h"

namespace bench::verify {
namespace {

constexpr int64_t kBatchTokens = 4096;
constexpr const char* kText = "text/wikitext2/wiki.test.raw";

/// How many tokens of a run are scored: all, or a first part of a large model's (hours otherwise).
int64_t budget(const Run& run, const Run::Loaded& loaded) {
  const bool part = loaded.model->block_count() > 20 && !run.full();
  return part ? kBatchTokens : std::numeric_limits<int64_t>::max();
}

class Corpus {
 public:
  Corpus(Run& run, const fs::path& file, Run::Loaded& loaded, const Json& ids_record)
      : run_(run), file_(file), loaded_(loaded), ids_record_(ids_record) {}

  void operator()(const Json& entry) {
    const auto variant = entry.at("tokenizer").get<std::string>();
    const auto& ids = stream(variant);
    const auto length = entry.at("seqlen").get<int64_t>();
    const auto theirs = entry.at("mean_ce_per_window").get<std::vector<double>>();
    auto count = static_cast<int64_t>(theirs.size());
    if (count * length > static_cast<int64_t>(ids.size()))
      bench::fail("{}@{}: {} windows are recorded where the text holds fewer", variant, length,
                  count);
    count = std::min(count, std::max<int64_t>(1, budget(run_, loaded_) / length));
    std::vector<Sequence> windows;
    for (int64_t i = 0; i < count; ++i)
      windows.emplace_back(ids.begin() + i * length, ids.begin() + (i + 1) * length);
    const auto ours = window_losses(*loaded_.model, windows, kBatchTokens);
    double worst = 0;
    for (size_t i = 0; i < ours.size(); ++i) worst = std::max(worst, std::abs(ours[i] - theirs[i]));
    // Orders of summation move a window's mean by up to 1e-6; deeper models by more.
    const double tolerance = loaded_.model->block_count() > 20 ? 2e-5 : 1e-5;
    if (!(worst <= tolerance))
      bench::fail("{}@{}: a window's mean loss is off by {:.2e}", variant, length, worst);
    if (count == static_cast<int64_t>(theirs.size()))
      check_ppl(ours, entry.at("ppl").get<double>(), fmt::format("{}@{}", variant, length));
    else
      run_.partial("perplexity", file_,
                   fmt::format("{}@{}: {} of {} windows", variant, length, count, theirs.size()));
    run_.pass("perplexity", worst / tolerance);
  }

 private:
  static void check_ppl(const std::vector<double>& losses, double theirs, const std::string& what) {
    const double ours = std::exp(mean(losses));
    if (!(std::abs(ours / theirs - 1) <= 1e-4))
      bench::fail("{}: perplexity {:.8g} where {:.8g} is recorded", what, ours, theirs);
  }

  const Sequence& stream(const std::string& variant) {
    if (const auto it = streams_.find(variant); it != streams_.end()) return it->second;
    const auto tokenizer = loaded_.checkpoint.tokenizer(variant);
    auto ids = tokenizer->encode(join(read_documents(kText, "wikitext"), "\n\n"), true);
    if (ids_record_.contains(variant)) {
      const auto& want = ids_record_.at(variant);
      if (sha256_hex(json_array_text(ids)) != want.at("sha256_json").get<std::string>())
        bench::fail("{} ids of the variant {} where {} are recorded, or others", ids.size(),
                    variant, want.at("n").dump());
    }
    return streams_[variant] = std::move(ids);
  }

  Run& run_;
  const fs::path& file_;
  Run::Loaded& loaded_;
  const Json& ids_record_;
  std::map<std::string, Sequence> streams_;  // by variant
};

void verify_rolling(Run& run, const fs::path& file, Run::Loaded& loaded, const Json& entry) {
  const auto variant = entry.at("tokenizer").get<std::string>();
  auto id = entry.at("protocol").get<std::string>();
  id = id.substr(0, id.find(' '));  // "lm-eval@0.4.13 wikitext"
  const auto tokenizer = loaded.checkpoint.tokenizer(variant);
  const auto& pages = entry.at("pages");
  int64_t count = 0, tokens = 0;
  for (const auto& page : pages) {
    if (tokens > budget(run, loaded)) break;
    tokens += page.at("tokens").get<int64_t>();
    ++count;
  }
  const auto documents = Prompts(read_task("wikitext"), 0, "").questions(count);
  const auto ours =
      score_rolling(*loaded.model, documents, *tokenizer, protocol(id, "loglikelihood"),
                    entry.at("max_length").get<int64_t>(), kBatchTokens);
  constexpr double kTolerance = 0.02;  // of a page: thousands of tokens
  double worst = 0;
  for (size_t i = 0; i < ours.size(); ++i) {
    const auto& p = pages.at(i);
    const auto& o = ours[i];
    if (p.at("words") != o.words || p.at("bytes") != o.bytes || p.at("tokens") != o.tokens)
      bench::fail("{}: page {} has {} words, {} bytes, {} tokens where {} is recorded", variant, i,
                  o.words, o.bytes, o.tokens, p.dump());
    worst = std::max(worst, std::abs(o.log_likelihood - p.at("ll").get<double>()));
  }
  if (!(worst <= kTolerance))
    bench::fail("{}: a page's log-likelihood is off by {:.3f}", variant, worst);
  const auto check = [&](const char* name, double value) {
    if (!(std::abs(value / entry.at(name).get<double>() - 1) <= 1e-4))
      bench::fail("{}: {} is {:.8g} where {} is recorded", variant, name, value,
                  entry.at(name).dump());
  };
  if (ours.size() == pages.size()) {
    check("word_perplexity", weighted_perplexity(by_words(ours)));
    check("byte_perplexity", weighted_perplexity(by_bytes(ours)));
    check("bits_per_byte", bits_per_byte(by_bytes(ours)));
  } else {
    run.partial("rolling perplexity", file,
                fmt::format("{}: {} of {} pages", variant, ours.size(), pages.size()));
  }
  run.pass("rolling perplexity", worst / kTolerance);
}

}  // namespace

void verify_perplexity(Run& run, const fs::path& file) {
  const auto record = read_json(file);
  auto& loaded = run.model(record.at("model").get<std::string>());
  const auto ids = record.value("ids", Json::object());
  Corpus corpus(run, file, loaded, ids);
  for (const auto& entry : record.value("corpus", Json::array()))
    run.guarded("perplexity", file, [&] { corpus(entry); });
  for (const auto& entry : record.value("rolling", Json::array()))
    run.guarded("rolling perplexity", file, [&] { verify_rolling(run, file, loaded, entry); });
}

}  // namespace bench::verify
