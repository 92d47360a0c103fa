// Classes of texts or of pairs of texts (SST-2, RTE): accuracy of a model with a classification
// head, one sequence a document. A sequence that is longer than the model takes loses the tokens
// before its last one.
#include <fmt/ranges.h>

#include <cmath>

#include "base/digest.h"
#include "base/error.h"
#include "data/data.h"
#include "jinja/json_value.h"
#include "tasks/documents.h"
#include "tasks/sequences.h"

namespace bench {
namespace {

class TextClassification : public Task {
 public:
  static Schema schema() {
    return {required("file", Key::Type::String, "documents: .jsonl, .json, .csv and .gz of these"),
            key("text", "sentence", "the field with the text"),
            key("second", "", "the field with the second text of a pair; empty: there is none"),
            key("gold", "label", "the field with the class: its number, or its name"),
            key("classes", std::vector<std::string>{}, "names of the classes in the head's order"),
            key("label", "", "the task's name in tables; empty: the file's name"),
            key("limit", 0, "how many documents, from the first; 0: all").at_least(0),
            key("tokenizer", "auto", "variant of the tokenizer")};
  }
  explicit TextClassification(const Config& c)
      : file_(c.get<std::string>("file")),
        text_(c.get<std::string>("text")),
        second_(c.get<std::string>("second")),
        gold_(c.get<std::string>("gold")),
        label_(c.get<std::string>("label")),
        variant_(c.get<std::string>("tokenizer")),
        classes_(c.get<std::vector<std::string>>("classes")),
        limit_(c.get<int64_t>("limit")) {
    if (label_.empty()) label_ = std::filesystem::path(file_).stem().string();
    const auto part = fmt::format("-first{}", limit_);
    if (limit_ && !label_.ends_with(part)) label_ += part;
  }

  void check() const override { data_file(file_); }
  std::vector<std::string> files() const override { return {file_}; }
  Accepts accepts() const override { return {.input = Input::LabelledText}; }

  std::vector<Metric> run(const TaskContext& c) const override {
    at::NoGradGuard no_grad;
    const auto all = documents(c);
    Metric m{label_, "acc"};
    m.unit = "share";
    m.protocol = "classes@1";
    m.n = static_cast<int64_t>(all->size());
    for (const auto& batch : labelled_batches(*all, c.batch_tokens)) {
      const auto logits = c.model.forward(batch);
      if (logits.size(1) < 2)
        fail("task text_classification: the model gives one number a text, not classes");
      const auto right = logits.argmax(1).cpu().eq(batch.labels);
      if (batch.labels.max().item<int64_t>() >= logits.size(1))
        fail("task text_classification: {} has the class {}, the model knows {}", file_,
             batch.labels.max().item<int64_t>(), logits.size(1));
      for (int64_t i = 0; i < right.numel(); ++i)
        m.items.push_back(right[i].item<bool>() ? 1.0f : 0.0f);
      if (c.progress) c.progress(static_cast<int64_t>(m.items.size()), m.n);
    }
    double sum = 0;
    for (const float x : m.items) sum += x;
    m.value = sum / static_cast<double>(m.n);
    if (m.n > 1) m.stderr_ = std::sqrt(m.value * (1 - m.value) / static_cast<double>(m.n - 1));
    m.items_hash = hash_of(*all);
    if (c.evidence) {
      Evidence e;
      e.task = m.task, e.protocol = m.protocol, e.name = data_set_of(label_);
      e.file = file_, e.items = m.items_hash, e.rows = m.n;
      e.tokenizer = c.tokenizer(variant_);
      c.evidence(e);
    }
    return {m};
  }

  void requests(const TaskContext& c, int64_t items, const SeeRequest& see) const override {
    SentRequest r{"classes@1"};
    r.tokenizer = c.tokenizer(variant_);
    for (const auto& s : *documents(c)) {
      if (items && r.item == items) return;
      r.ids = s.ids;
      see(r);
      ++r.item;
    }
  }

 private:
  std::string field(const Value& document, const std::string& name, size_t row) const {
    const auto* v = document.find(name);
    if (!v || !v->is_string())
      fail("{}: document {} has no text under '{}'", file_, row + 1, name);
    return v->string();
  }

  int64_t class_of(const Value& document, size_t row) const {
    const auto* v = document.find(gold_);
    if (v && v->is_int() && std::get<int64_t>(v->data) >= 0) return std::get<int64_t>(v->data);
    if (v && v->is_string())
      for (size_t i = 0; i < classes_.size(); ++i)
        if (classes_[i] == v->string()) return static_cast<int64_t>(i);
    fail("{}: document {} has no class under '{}': a number from 0 on, or one of `classes`", file_,
         row + 1, gold_);
  }

  std::shared_ptr<const std::vector<LabelledSequence>> documents(const TaskContext& c) const {
    const auto key = fmt::format("classes|{}|{}|{}|{}|{}|{}|{}", file_, text_, second_, gold_,
                                 fmt::join(classes_, ","), variant_, limit_);
    return c.once<std::vector<LabelledSequence>>(key, [&] {
      const auto tokenizer = c.tokenizer(variant_);
      auto all = std::make_shared<std::vector<LabelledSequence>>();
      const auto rows = read_documents_of(file_, limit_);
      for (size_t i = 0; i < rows.size(); ++i) {
        LabelledSequence s;
        if (second_.empty()) {
          s.ids = tokenizer->encode(field(rows[i], text_, i), true);
          s.types.assign(s.ids.size(), 0);
        } else {
          auto pair =
              tokenizer->encode_pair(field(rows[i], text_, i), field(rows[i], second_, i));
          s.ids = std::move(pair.ids), s.types = std::move(pair.types);
        }
        s.label = class_of(rows[i], i);
        cut(s, c.model.max_length());
        all->push_back(std::move(s));
      }
      return all;
    });
  }

  std::string file_, text_, second_, gold_, label_, variant_;
  std::vector<std::string> classes_;
  int64_t limit_;
};

BENCH_REGISTER(Task, TextClassification, "text_classification",
               .doc = "accuracy of classes of texts or pairs of texts");

}  // namespace
}  // namespace bench
