// How far a pruned language model is from what it was: over windows of a text the Kullback-Leibler
// divergence of its next-token distribution from the dense model's, KL(dense || pruned) in nats a
// token, and the share of tokens for which both models would say the same next ("flips" are the
// rest; Dutta et al. 2024, arXiv 2407.09141).
#include <cmath>

#include "base/digest.h"
#include "base/error.h"
#include "core/task.h"
#include "data/data.h"
#include "data/text_source.h"

namespace bench {
namespace {

class Divergence : public Task {
 public:
  static Schema schema() {
    return {required("text", Key::Type::String, "a text file: shipped in data/, or a path"),
            key("label", "", "the text's name in tables; empty: the file's name"),
            key("format", "auto", "how the file becomes documents")
                .one_of({"auto", "wikitext", "stories", "jsonl", "plain"}),
            key("join", "\n\n", "what stands between documents"),
            key("window", 0, "length of a window; 0: the model's own").at_least(0).in("tokens"),
            key("windows", 20, "how many windows, from the first; 0: all").at_least(0),
            key("tokenizer", "auto", "variant of the tokenizer")};
  }
  explicit Divergence(const Config& c)
      : text_(c.get<std::string>("text")),
        label_(c.get<std::string>("label")),
        format_(c.get<std::string>("format")),
        join_(c.get<std::string>("join")),
        tokenizer_(c.get<std::string>("tokenizer")),
        window_(c.get<int64_t>("window")),
        windows_(c.get<int64_t>("windows")) {
    if (window_ == 1) fail("{}.window: a window of 1 token predicts nothing", c.path());
    if (label_.empty()) label_ = std::filesystem::path(text_).stem().string();
    const auto part = fmt::format("-first{}", windows_);
    if (windows_ && !label_.ends_with(part)) label_ += part;
  }

  void check() const override { data_file(text_); }
  std::vector<std::string> files() const override { return {text_}; }

  std::vector<Metric> run(const TaskContext& c) const override {
    at::NoGradGuard no_grad;
    if (!c.dense) fail("task divergence: there is no dense model to compare with");
    const auto length = window_ ? window_ : c.model.max_length();
    const auto ids = c.once<Sequence>(
        fmt::format("divergence|{}|{}|{}|{}", text_, format_, join_, tokenizer_), [&] {
          return std::make_shared<const Sequence>(
              c.tokenizer(tokenizer_)->encode(join(read_documents(text_, format_), join_), true));
        });
    const auto all = cut(*ids, length);
    const auto dense = c.dense();
    dense->to(c.device);
    auto kl = metric("kl", length, *ids, all.size()),
         same = metric("agreement", length, *ids, all.size());
    kl.unit = "nats", kl.higher_is_better = false;
    same.unit = "share";
    for (size_t i = 0; i < all.size(); ++i) {
      const auto [distance, agreement] = compare(*dense, c.model, all[i]);
      kl.items.push_back(static_cast<float>(distance));
      same.items.push_back(static_cast<float>(agreement));
      if (c.progress) c.progress(static_cast<int64_t>(i) + 1, static_cast<int64_t>(all.size()));
    }
    sum_up(kl), sum_up(same);
    if (c.evidence) c.evidence(evidence(kl, c, *ids, length));
    return {kl, same};
  }

 private:
  std::vector<Sequence> cut(const Sequence& ids, int64_t length) const {
    std::vector<Sequence> all;
    for (auto at = ids.begin(); ids.end() - at >= length; at += length) {
      if (windows_ && static_cast<int64_t>(all.size()) == windows_) break;
      all.emplace_back(at, at + length);
    }
    if (all.empty())
      fail("task divergence: {} has {} tokens, fewer than one window of {}", text_, ids.size(),
           length);
    return all;
  }

  /// Means over the window's predictions: KL(dense || pruned), and whether both say the same next.
  static std::pair<double, double> compare(const Model& dense, const Model& pruned,
                                           const Sequence& window) {
    const auto batch = text_batch({window});
    const auto rows = static_cast<int64_t>(window.size()) - 1;
    const auto of = [&](const Model& m) {
      const auto hidden = m.body(batch);
      return m.head(hidden.narrow(0, 0, rows), batch).to(at::kDouble).log_softmax(1);
    };
    const auto p = of(dense), q = of(pruned);
    // A token that the dense model rules out adds nothing.
    const auto terms = at::where(p.isinf(), at::zeros({}, p.options()), p.exp() * (p - q));
    return {terms.sum(1).mean().item<double>(),
            p.argmax(1).eq(q.argmax(1)).to(at::kDouble).mean().item<double>()};
  }

  Metric metric(const char* name, int64_t length, const Sequence& ids, size_t windows) const {
    Metric m{fmt::format("{}@{}", label_, length), name};
    m.protocol = "divergence@1";
    m.items_hash = sha256_hex(fmt::format("{}|{}|{}", json_array_text(ids), length, windows));
    return m;
  }

  static void sum_up(Metric& m) {
    m.n = static_cast<int64_t>(m.items.size());
    const auto n = static_cast<double>(m.n);
    double spread = 0;
    for (const float x : m.items) m.value += x / n;
    for (const float x : m.items) spread += (x - m.value) * (x - m.value);
    if (m.n > 1) m.stderr_ = std::sqrt(spread / (n - 1) / n);
  }

  Evidence evidence(const Metric& m, const TaskContext& c, const Sequence& ids,
                    int64_t length) const {
    Evidence e;
    e.task = m.task, e.protocol = m.protocol, e.name = data_set_of(label_);
    e.file = text_, e.items = m.items_hash, e.rows = m.n;
    e.tokenizer = c.tokenizer(tokenizer_);
    e.windows = m.n, e.length = length, e.limit = windows_;
    e.ids = static_cast<int64_t>(ids.size());
    e.format = format_, e.join = join_, e.special = true;
    return e;
  }

  std::string text_, label_, format_, join_, tokenizer_;
  int64_t window_, windows_;
};

BENCH_REGISTER(Task, Divergence, "divergence",
               .doc = "divergence from the dense model's next-token distribution, and agreement");

}  // namespace
}  // namespace bench
