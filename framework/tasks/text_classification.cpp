// Classes of texts or of pairs of texts (SST-2, RTE): accuracy of a model with a classification
// head, one sequence a document. A sequence that is longer than the model takes loses the tokens
// before its last one.
#include <cmath>

#include "base/digest.h"
#include "base/error.h"
#include "core/task.h"
#include "data/data.h"
#include "data/labelled_text.h"

namespace bench {
namespace {

class TextClassification : public Task {
 public:
  static Schema schema() {
    return LabelledSource::keys() +
           Schema{key("label", "", "the task's name in tables; empty: the file's name"),
                  key("tokenizer", "auto", "variant of the tokenizer")};
  }
  explicit TextClassification(const Config& c)
      : source_(LabelledSource::from(c)),
        label_(c.get<std::string>("label")),
        variant_(c.get<std::string>("tokenizer")) {
    if (label_.empty()) label_ = std::filesystem::path(source_.file).stem().string();
    const auto part = fmt::format("-first{}", source_.limit);
    if (source_.limit && !label_.ends_with(part)) label_ += part;
  }

  void check() const override { source_.check(); }
  std::vector<std::string> files() const override { return {source_.file}; }
  Accepts accepts() const override { return {.input = Input::LabelledText}; }

  std::vector<Metric> run(const TaskContext& c) const override {
    at::NoGradGuard no_grad;
    const auto all = documents(c);
    Metric m{label_, "acc"};
    m.unit = "share";
    m.protocol = kProtocol;
    m.n = static_cast<int64_t>(all->size());
    for (const auto& batch : labelled_batches(*all, c.batch_tokens)) {
      const auto logits = c.model.forward(batch);
      check_classes(logits, batch.labels);
      const auto right = logits.argmax(1).cpu().eq(batch.labels);
      for (int64_t i = 0; i < right.numel(); ++i)
        m.items.push_back(right[i].item<bool>() ? 1.0f : 0.0f);
      if (c.progress) c.progress(static_cast<int64_t>(m.items.size()), m.n);
    }
    double sum = 0;
    for (const float x : m.items) sum += x;
    m.value = sum / static_cast<double>(m.n);
    if (m.n > 1) m.stderr_ = std::sqrt(m.value * (1 - m.value) / static_cast<double>(m.n - 1));
    m.items_hash = hash_of(*all);
    if (c.evidence) c.evidence(evidence(m, c));
    return {m};
  }

  void requests(const TaskContext& c, int64_t items, const SeeRequest& see) const override {
    SentRequest r{kProtocol};
    r.tokenizer = c.tokenizer(variant_);
    const auto all = documents(c);
    for (const auto& s : *all) {
      if (items && r.item == items) return;
      r.ids = s.ids;
      see(r);
      ++r.item;
    }
  }

 private:
  static constexpr const char* kProtocol = "classes@1";

  void check_classes(const Tensor& logits, const Tensor& labels) const {
    if (logits.size(1) < 2)
      fail("task text_classification: the model gives one number a text, not classes");
    if (const auto most = labels.max().item<int64_t>(); most >= logits.size(1))
      fail("task text_classification: {} has the class {}, where the model knows {}", source_.file,
           most, logits.size(1));
  }

  Evidence evidence(const Metric& m, const TaskContext& c) const {
    Evidence e;
    e.task = m.task, e.protocol = m.protocol, e.name = data_set_of(label_);
    e.file = source_.file, e.items = m.items_hash, e.rows = m.n;
    e.tokenizer = c.tokenizer(variant_);
    return e;
  }

  std::shared_ptr<const std::vector<LabelledSequence>> documents(const TaskContext& c) const {
    return c.once<std::vector<LabelledSequence>>(
        fmt::format("classes|{}|{}", source_.settings(), variant_), [&] {
          return std::make_shared<const std::vector<LabelledSequence>>(
              source_.read(*c.tokenizer(variant_), c.model.max_length()));
        });
  }

  LabelledSource source_;
  std::string label_, variant_;
};

BENCH_REGISTER(Task, TextClassification, "text_classification",
               .doc = "accuracy of classes of texts or pairs of texts");

}  // namespace
}  // namespace bench
