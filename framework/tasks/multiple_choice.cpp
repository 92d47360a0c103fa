// Multiple choice by log-likelihood, as lm-eval scores it (evaluation.md 4, 5, 7): acc is the
// argmax of the summed log-probabilities, acc_norm divides by the choice's characters; both are
// always reported.
#include "base/digest.h"
#include "core/task.h"
#include "io/data.h"
#include "tasks/choices.h"
#include "tasks/requests.h"
#include "tasks/statistics.h"

namespace bench {
namespace {

struct Prepared {
  std::vector<Question> questions;
  std::vector<Item> items;
  int64_t left_out = 0;  // documents whose choices cannot be encoded (no token, or too long)
  std::string hash;
};

class MultipleChoice : public Task {
 public:
  static Schema schema() {
    return {
        required("file", Key::Type::String, "the task's documents, a JSON-lines file"),
        required("recipe", Key::Type::String, "how a document becomes requests").one_of(recipes()),
        key("label", "", "the task's name in tables; empty: the file's name"),
        key("limit", 0, "how many documents, from the first; 0: all").at_least(0),
        key("protocol", "lm-eval@0.4.13", "the way of measuring"),
        key("tokenizer", "", "variant of the tokenizer; empty: the protocol's")};
  }
  explicit MultipleChoice(const Config& c)
      : file_(c.get<std::string>("file")),
        recipe_(c.get<std::string>("recipe")),
        label_(c.get<std::string>("label")),
        tokenizer_(c.get<std::string>("tokenizer")),
        limit_(c.get<int64_t>("limit")),
        protocol_(protocol(c.get<std::string>("protocol"))) {
    if (protocol_.kind != "loglikelihood")
      fail("{}.protocol: '{}' measures windows of text, not choices", c.path(), protocol_.id);
    if (label_.empty()) label_ = std::filesystem::path(file_).stem().string();
  }

  void check() const override { data_file(file_); }

  std::vector<Metric> run(const TaskContext& c) const override {
    const auto ready = prepare(c);
    const auto answers = likelihoods(c.model, ready->items, c.batch_tokens, c.progress);
    Metric acc = blank("acc", *ready), norm = blank("acc_norm", *ready);
    for (size_t i = 0; i < answers.size(); ++i) {
      const auto& q = ready->questions[i];
      std::vector<double> sums;
      for (const auto& a : answers[i]) sums.push_back(a.sum);
      const auto gold = static_cast<size_t>(q.gold);
      acc.items.push_back(first_maximum(sums) == gold ? 1.0f : 0.0f);
      norm.items.push_back(first_maximum(per_character(q, sums)) == gold ? 1.0f : 0.0f);
    }
    finish(acc);
    finish(norm);
    if (recipe_ == "winogrande" || recipe_ == "boolq") return {acc};
    return {acc, norm};
  }

 private:
  std::shared_ptr<const Prepared> prepare(const TaskContext& c) const {
    const auto variant = tokenizer_.empty() ? protocol_.tokenizer : tokenizer_;
    const auto key =
        fmt::format("requests|{}|{}|{}|{}|{}", file_, recipe_, limit_, protocol_.id, variant);
    return c.once<Prepared>(key, [&] {
      auto out = std::make_shared<Prepared>();
      const auto tokenizer = c.tokenizer(variant);
      std::string digest;
      for (auto& q : read_questions(file_, recipe_, limit_)) {
        try {
          out->items.push_back(encode_question(q, *tokenizer, protocol_, c.model.max_length()));
        } catch (const Error&) {
          ++out->left_out;
          continue;
        }
        for (const auto& r : out->items.back().requests) digest += json_array_text(r.tokens);
        out->questions.push_back(std::move(q));
      }
      if (out->items.empty()) fail("task {}: no document can be encoded", label_);
      out->hash = sha256_hex(digest);
      return std::shared_ptr<const Prepared>(out);
    });
  }

  Metric blank(const char* name, const Prepared& ready) const {
    Metric m;
    m.task = label_;
    m.name = name;
    m.unit = "share";
    m.protocol = protocol_.id;
    m.items_hash = ready.hash;
    m.n = static_cast<int64_t>(ready.items.size());
    return m;
  }

  static void finish(Metric& m) {
    const std::vector<double> hits(m.items.begin(), m.items.end());
    m.value = mean(hits);
    m.stderr_ = mean_stderr(hits);
  }

  std::string file_, recipe_, label_, tokenizer_;
  int64_t limit_;
  Protocol protocol_;
};

BENCH_REGISTER(Task, MultipleChoice, "multiple_choice", "choices by log-likelihood, as lm-eval");

}  // namespace
}  // namespace bench
