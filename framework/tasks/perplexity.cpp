// Perplexity of a text by windows, as the pruning papers measure it (evaluation.md 2): documents
// joined, tokenised once, cut into windows of the same length, the tail dropped; exp of the mean of
// window means. The window is part of the metric's name.
#include "base/digest.h"
#include "core/task.h"
#include "data/data.h"
#include "data/text_source.h"
#include "tasks/protocol.h"
#include "tasks/scoring.h"

namespace bench {
namespace {

class Perplexity : public Task {
 public:
  static Schema schema() {
    return {required("text", Key::Type::String, "a text file: shipped in data/, or a path"),
            key("label", "", "the text's name in tables; empty: the file's name"),
            key("format", "auto", "how the file becomes documents")
                .one_of({"auto", "wikitext", "stories", "jsonl", "plain"}),
            key("join", "\n\n", "what stands between documents"),
            key("window", 0, "length of a window; 0: the protocol's, or the model's own")
                .at_least(0)
                .in("tokens"),
            key("windows", 0, "how many windows, from the first; 0: all").at_least(0),
            key("protocol", std::vector<std::string>{"wanda@8e8fc87"},
                "the way of measuring, or several"),
            key("tokenizer", "", "variant of the tokenizer; empty: the protocol's")};
  }
  explicit Perplexity(const Config& c)
      : text_(c.get<std::string>("text")),
        label_(c.get<std::string>("label")),
        format_(c.get<std::string>("format")),
        join_(c.get<std::string>("join")),
        tokenizer_(c.get<std::string>("tokenizer")),
        protocols_(protocols_at(c.path() + ".protocol", c.get<std::vector<std::string>>("protocol"),
                                "perplexity")),
        window_(c.get<int64_t>("window")),
        windows_(c.get<int64_t>("windows")) {
    if (window_ == 1) fail("{}.window: a window of 1 token predicts nothing", c.path());
    if (label_.empty()) label_ = std::filesystem::path(text_).stem().string();
    // A part of a text is another item list: its name says so.
    const auto part = fmt::format("-first{}", windows_);
    if (windows_ && !label_.ends_with(part)) label_ += part;
  }

  void check() const override { data_file(text_); }

  /// Protocols that cut the same windows of the same ids share one pass.
  std::vector<Metric> run(const TaskContext& c) const override {
    std::vector<Metric> all;
    std::map<std::string, Measured> measured;
    for (const auto& p : protocols_) {
      const auto variant = tokenizer_.empty() ? p.tokenizer : tokenizer_;
      const auto length = length_of(p, c.model);
      const auto key = fmt::format("{}|{}|{}", variant, p.special, length);
      auto it = measured.find(key);
      if (it == measured.end())
        it = measured.emplace(key, measure(c, variant, p.special, length)).first;
      all.push_back(it->second.metric);
      all.back().protocol = p.id;
      if (c.evidence) c.evidence(evidence(it->second, p, length));
    }
    return all;
  }

  void requests(const TaskContext& c, int64_t items, const SeeRequest& see) const override {
    for (const auto& p : protocols_) {
      const auto variant = tokenizer_.empty() ? p.tokenizer : tokenizer_;
      SentRequest r{p.id};
      r.tokenizer = c.tokenizer(variant);
      const auto stream = stream_of(c, variant, p.special);
      for (auto& window : cut(stream->ids, length_of(p, c.model), items)) {
        r.ids = std::move(window);
        r.scored = static_cast<int64_t>(r.ids.size()) - 1;
        see(r);
        ++r.item;
      }
    }
  }

 private:
  int64_t length_of(const Protocol& p, const Model& model) const {
    return window_ ? window_ : p.window ? p.window : model.max_length();
  }

  /// The text as ids.
  struct Stream {
    int64_t rows;
    Sequence ids;
  };
  struct Measured {
    Metric metric;
    std::shared_ptr<const Stream> stream;
    std::shared_ptr<const Tokenizer> tokenizer;
  };

  std::shared_ptr<const Stream> stream_of(const TaskContext& c, const std::string& variant,
                                          bool special) const {
    return c.once<Stream>(
        fmt::format("ids|{}|{}|{}|{}|{}", text_, format_, join_, variant, special), [&] {
          const auto rows = read_documents(text_, format_);
          return std::make_shared<const Stream>(
              Stream{static_cast<int64_t>(rows.size()),
                     c.tokenizer(variant)->encode(join(rows, join_), special)});
        });
  }

  /// The first `most`, 0 for all that are measured.
  std::vector<Sequence> cut(const Sequence& ids, int64_t length, int64_t most) const {
    std::vector<Sequence> windows;
    if (windows_ && (!most || windows_ < most)) most = windows_;
    for (auto at = ids.begin(); ids.end() - at >= length; at += length) {
      if (most && static_cast<int64_t>(windows.size()) == most) break;
      windows.emplace_back(at, at + length);
    }
    if (windows.empty())
      fail("task perplexity: {} has {} tokens, fewer than one window of {}", text_, ids.size(),
           length);
    return windows;
  }

  Measured measure(const TaskContext& c, const std::string& variant, bool special,
                   int64_t length) const {
    const auto stream = stream_of(c, variant, special);
    const auto windows = cut(stream->ids, length, 0);
    const auto losses = window_losses(c.model, windows, c.batch_tokens, c.progress);
    return {metric(losses, length, stream->ids), stream, c.tokenizer(variant)};
  }

  Evidence evidence(const Measured& m, const Protocol& p, int64_t length) const {
    Evidence e;
    e.task = m.metric.task;
    e.protocol = p.id;
    e.name = data_set_of(label_);
    e.file = text_;
    e.items = m.metric.items_hash;
    e.rows = m.stream->rows;
    e.tokenizer = m.tokenizer;
    e.variant = p.tokenizer;
    e.windows = m.metric.n;
    e.length = length;
    e.limit = windows_;
    e.ids = static_cast<int64_t>(m.stream->ids.size());
    e.format = format_;
    e.join = join_;
    e.special = p.special;
    e.texts = [&m, length]() -> std::vector<std::string> {
      const auto& ids = m.stream->ids;
      return {m.tokenizer->decode({ids.begin(), ids.begin() + m.metric.n * length})};
    };
    return e;
  }

  Metric metric(const std::vector<double>& losses, int64_t length, const Sequence& ids) const {
    const auto n = static_cast<double>(losses.size());
    double mean = 0, spread = 0;
    for (const auto l : losses) mean += l / n;
    for (const auto l : losses) spread += (l - mean) * (l - mean);
    Metric m{fmt::format("{}@{}", label_, length), "ppl", std::exp(mean)};
    // Delta method: d exp(m) = exp(m) dm; windows are taken as independent.
    if (n > 1) m.stderr_ = m.value * std::sqrt(spread / (n - 1) / n);
    m.n = static_cast<int64_t>(losses.size());
    m.unit = "perplexity";
    m.higher_is_better = false;
    for (const auto l : losses) m.items.push_back(static_cast<float>(l));
    m.items_hash = sha256_hex(fmt::format("{}|{}|{}", json_array_text(ids), length, losses.size()));
    return m;
  }

  std::string text_, label_, format_, join_, tokenizer_;
  std::vector<Protocol> protocols_;
  int64_t window_, windows_;
};

BENCH_REGISTER(Task, Perplexity, "perplexity",
               .doc = "perplexity of a text by windows of one length");

}  // namespace
}  // namespace bench
