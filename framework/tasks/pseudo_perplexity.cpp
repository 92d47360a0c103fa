// Pseudo-perplexity of a model of masked words (Salazar et al. 2020, arXiv 1910.14659): each token
// is masked in turn and found again from all others; exp of the mean negative log-likelihood over
// the tokens of all documents. What the tokenizer adds around a text is not scored.
#include <cmath>

#include "base/digest.h"
#include "base/error.h"
#include "core/task.h"
#include "data/data.h"
#include "data/text_source.h"
#include "tasks/scoring.h"

namespace bench {
namespace {

class PseudoPerplexity : public Task {
 public:
  static Schema schema() {
    return {required("text", Key::Type::String, "a text file: shipped in data/, or a path"),
            key("label", "", "the text's name in tables; empty: the file's name"),
            key("format", "auto", "how the file becomes documents")
                .one_of({"auto", "wikitext", "stories", "jsonl", "plain"}),
            key("documents", 100, "how many documents that are not blank, from the first; 0: all")
                .at_least(0),
            key("tokenizer", "auto", "variant of the tokenizer")};
  }
  explicit PseudoPerplexity(const Config& c)
      : text_(c.get<std::string>("text")),
        label_(c.get<std::string>("label")),
        format_(c.get<std::string>("format")),
        variant_(c.get<std::string>("tokenizer")),
        documents_(c.get<int64_t>("documents")) {
    if (label_.empty()) label_ = std::filesystem::path(text_).stem().string();
    const auto part = fmt::format("-first{}", documents_);
    if (documents_ && !label_.ends_with(part)) label_ += part;
  }

  void check() const override { data_file(text_); }
  std::vector<std::string> files() const override { return {text_}; }
  Accepts accepts() const override { return {.input = Input::MaskedText}; }

  std::vector<Metric> run(const TaskContext& c) const override {
    at::NoGradGuard no_grad;
    const auto tokenizer = c.tokenizer(variant_);
    if (!tokenizer->mask())
      fail(
          "task pseudo_perplexity: the tokenizer names no mask_token; tokenizer_config.json or "
          "special_tokens_map.json does");
    const auto all = sequences(c, *tokenizer);
    Metric m{label_, "pppl"};
    double sum = 0, tokens = 0;
    for (size_t i = 0; i < all->size(); ++i) {
      const auto losses = losses_of(c, (*all)[i], *tokenizer);
      double own = 0;
      for (const double l : losses) own += l;
      sum += own, tokens += static_cast<double>(losses.size());
      m.items.push_back(
          static_cast<float>(own / std::max(1.0, static_cast<double>(losses.size()))));
      if (c.progress) c.progress(static_cast<int64_t>(i) + 1, static_cast<int64_t>(all->size()));
    }
    if (tokens == 0) fail("task pseudo_perplexity: {} holds no token to score", text_);
    m.value = std::exp(sum / tokens);
    m.n = static_cast<int64_t>(all->size());
    m.unit = "perplexity";
    m.protocol = "pseudo@1";
    m.higher_is_better = false;
    std::string ids;
    for (const auto& s : *all) ids += json_array_text(s) + "\n";
    m.items_hash = sha256_hex(ids);
    if (c.evidence) {
      Evidence e;
      e.task = m.task, e.protocol = m.protocol, e.name = data_set_of(label_);
      e.file = text_, e.items = m.items_hash, e.rows = m.n, e.tokenizer = tokenizer;
      e.format = format_;
      c.evidence(e);
    }
    return {m};
  }

 private:
  std::shared_ptr<const std::vector<Sequence>> sequences(const TaskContext& c,
                                                         const Tokenizer& tokenizer) const {
    const auto key = fmt::format("pseudo|{}|{}|{}|{}", text_, format_, documents_, variant_);
    return c.once<std::vector<Sequence>>(key, [&] {
      auto all = std::make_shared<std::vector<Sequence>>();
      for (const auto& text : read_documents(text_, format_)) {
        if (documents_ && static_cast<int64_t>(all->size()) == documents_) break;
        if (text.find_first_not_of(" \t\r\n") == std::string::npos) continue;
        auto ids = tokenizer.encode(text, true);
        const auto most = static_cast<size_t>(c.model.max_length());
        if (ids.size() > most) ids[most - 1] = ids.back(), ids.resize(most);
        all->push_back(std::move(ids));
      }
      if (all->empty()) fail("task pseudo_perplexity: {} holds no document", text_);
      return all;
    });
  }

  /// Of each token but the special ones, in nats.
  std::vector<double> losses_of(const TaskContext& c, const Sequence& ids,
                                const Tokenizer& tokenizer) const {
    std::vector<size_t> asked;
    for (size_t t = 0; t < ids.size(); ++t)
      if (!tokenizer.is_special(ids[t])) asked.push_back(t);
    const auto each = static_cast<int64_t>(ids.size());
    const auto together =
        static_cast<size_t>(std::max<int64_t>(1, c.batch_tokens / std::max<int64_t>(each, 1)));
    std::vector<double> losses;
    for (size_t first = 0; first < asked.size(); first += together) {
      std::vector<Sequence> copies;
      std::vector<Target> targets;
      for (auto i = first; i < std::min(asked.size(), first + together); ++i) {
        targets.push_back(
            {static_cast<int64_t>(copies.size()) * each + static_cast<int64_t>(asked[i]),
             ids[asked[i]]});
        copies.push_back(ids);
        copies.back()[asked[i]] = *tokenizer.mask();
      }
      for (const double p : score_targets(c.model, text_batch(copies), targets).log_prob)
        losses.push_back(-p);
    }
    return losses;
  }

  std::string text_, label_, format_, variant_;
  int64_t documents_;
};

BENCH_REGISTER(Task, PseudoPerplexity, "pseudo_perplexity",
               .doc = "perplexity of a text, each token masked in turn");

}  // namespace
}  // namespace bench
