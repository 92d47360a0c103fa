// WikiText by pages, as lm-eval's task `wikitext`: every token of a page is predicted once, and the
// log-likelihood is divided by the words and bytes of the original page (evaluation.md 6).
#include "tasks/rolling.h"

#include "base/digest.h"
#include "core/task.h"
#include "io/data.h"
#include "tasks/requests.h"
#include "text/python_string.h"
#include "text/wikitext.h"

namespace bench {

std::vector<double> rolling_likelihoods(const Model& model, const std::vector<Sequence>& texts,
                                        int64_t prefix, int64_t max_length, int64_t batch_tokens,
                                        const std::function<void(int64_t, int64_t)>& progress) {
  std::vector<Item> windows;
  std::vector<size_t> owner;
  for (size_t i = 0; i < texts.size(); ++i)
    for (auto& w : rolling_windows(texts[i], prefix, max_length)) {
      windows.push_back({{std::move(w)}});
      owner.push_back(i);
    }
  std::vector<double> sums(texts.size(), 0);
  const auto scored = likelihoods(model, windows, batch_tokens, progress);
  for (size_t w = 0; w < scored.size(); ++w) sums[owner[w]] += scored[w].front().sum;
  return sums;
}

std::vector<RolledDocument> score_wikitext(const Model& model, const std::string& file,
                                           int64_t limit, const Tokenizer& tokenizer,
                                           const Protocol& protocol, int64_t max_length,
                                           int64_t batch_tokens,
                                           const std::function<void(int64_t, int64_t)>& progress) {
  auto pages = text::wikitext_pages(read_file(data_file(file)));
  if (limit > 0 && limit < static_cast<int64_t>(pages.size()))
    pages.resize(static_cast<size_t>(limit));
  std::vector<RolledDocument> out;
  std::vector<Sequence> ids;
  for (const auto& page : pages) {
    ids.push_back(tokenizer.encode(text::wikitext_detokenise(page), protocol.special));
    out.push_back({0, static_cast<int64_t>(ids.back().size()),
                   static_cast<int64_t>(text::count_split_pieces(page)),
                   static_cast<int64_t>(page.size())});
  }
  const auto sums = rolling_likelihoods(model, ids, prefix_token(tokenizer, protocol), max_length,
                                        batch_tokens, progress);
  for (size_t i = 0; i < out.size(); ++i) out[i].log_likelihood = sums[i];
  return out;
}

std::vector<Weighted> by_words(const std::vector<RolledDocument>& documents) {
  std::vector<Weighted> all;
  for (const auto& d : documents) all.push_back({d.log_likelihood, static_cast<double>(d.words)});
  return all;
}

std::vector<Weighted> by_bytes(const std::vector<RolledDocument>& documents) {
  std::vector<Weighted> all;
  for (const auto& d : documents) all.push_back({d.log_likelihood, static_cast<double>(d.bytes)});
  return all;
}

namespace {

class Wikitext : public Task {
 public:
  static Schema schema() {
    return {key("text", "text/wikitext2/wiki.test.raw", "a WikiText file, raw form"),
            key("label", "wikitext", "the text's name in tables"),
            key("pages", 0, "how many pages, from the first; 0: all").at_least(0),
            key("window", 0, "length of a window; 0: the model's own").at_least(0).in("tokens"),
            key("protocol", "lm-eval@0.4.13", "the way of measuring"),
            key("tokenizer", "", "variant of the tokenizer; empty: the protocol's")};
  }
  explicit Wikitext(const Config& c)
      : text_(c.get<std::string>("text")),
        label_(c.get<std::string>("label")),
        tokenizer_(c.get<std::string>("tokenizer")),
        pages_(c.get<int64_t>("pages")),
        window_(c.get<int64_t>("window")),
        protocol_(protocol(c.get<std::string>("protocol"))) {
    if (protocol_.kind != "loglikelihood")
      fail("{}.protocol: '{}' measures joined windows of text, not pages", c.path(), protocol_.id);
  }

  void check() const override { data_file(text_); }

  std::vector<Metric> run(const TaskContext& c) const override {
    const auto tokenizer = c.tokenizer(tokenizer_.empty() ? protocol_.tokenizer : tokenizer_);
    const auto length = window_ ? window_ : c.model.max_length();
    const auto pages = score_wikitext(c.model, text_, pages_, *tokenizer, protocol_, length,
                                      c.batch_tokens, c.progress);
    const auto hash = sha256_hex(fmt::format("{}|{}|{}|{}", sha256_file(data_file(text_).string()),
                                             pages.size(), length, tokenizer->hash()));
    std::vector<Metric> all;
    const auto add = [&](const char* name, const char* unit, const std::vector<Weighted>& values,
                         double (*aggregate)(const std::vector<Weighted>&)) {
      Metric m{fmt::format("{}@{}", label_, length), name, aggregate(values)};
      // lm-eval states no error for these; ours resamples pages.
      m.stderr_ = bootstrap_stderr<Weighted>(values, kBootstrapIterations, aggregate);
      m.n = static_cast<int64_t>(pages.size());
      m.unit = unit;
      m.protocol = protocol_.id;
      m.higher_is_better = false;
      for (const auto& v : values) m.items.push_back(static_cast<float>(-v.value / v.weight));
      m.items_hash = hash;
      all.push_back(std::move(m));
    };
    add("word_perplexity", "perplexity", by_words(pages), weighted_perplexity);
    add("byte_perplexity", "perplexity", by_bytes(pages), weighted_perplexity);
    add("bits_per_byte", "bits", by_bytes(pages), bits_per_byte);
    return all;
  }

 private:
  std::string text_, label_, tokenizer_;
  int64_t pages_, window_;
  Protocol protocol_;
};

BENCH_REGISTER(Task, Wikitext, "wikitext", "word and byte perplexity of pages, as lm-eval");

}  // namespace
}  // namespace bench
