// A task as lm-eval's YAML files define it: multiple choice, log-likelihood, rolling log-likelihood
// and greedy generation, scored by a protocol (evaluation.md 4-7).
#include <algorithm>

#include "base/digest.h"
#include "core/task.h"
#include "data/data.h"
#include "tasks/answers.h"
#include "tasks/choices.h"
#include "tasks/evidence.h"
#include "tasks/generation.h"
#include "tasks/requests.h"
#include "tasks/rolling.h"
#include "tasks/shown.h"

namespace bench {
namespace {

struct Prepared {
  std::vector<Question> questions;
  std::vector<Item> items;
  std::vector<Item> alone;        // choices without their context, for acc_mutual_info
  std::vector<Sequence> prompts;  // generate_until
  int64_t left_out = 0;           // documents that cannot be encoded (no token, or too long)
  std::string hash;
};

/// A shipped file by its name in the manifest.
std::string below_data(const std::filesystem::path& file) {
  const auto inside =
      file.lexically_normal().lexically_relative((home() / "data").lexically_normal());
  return inside.empty() || *inside.begin() == ".." ? file.string() : inside.string();
}

class LmEval : public Task {
 public:
  static Schema schema() {
    return {required("task", Key::Type::String, "a shipped task, or a YAML file of lm-eval's form"),
            key("documents", "", "a data file in place of the one that the task names"),
            key("fewshot_documents", "",
                "a data file of examples, where the task names none or another one"),
            key("label", "", "the name in tables; empty: the task's, with what is not the default"),
            key("limit", 0, "how many documents, from the first; 0: all").at_least(0),
            key("chat_template", "",
                "a chat template that questions and examples are put in: a .jinja file, a "
                "tokenizer_config.json, or a folder with either; empty: plain text"),
            key("fewshot_as_multiturn", true, "in a chat, examples are turns of their own"),
            key("system_instruction", "", "what the system says first; before the description"),
            key("fewshot", -1, "examples before each document; -1: as the task says").at_least(-1),
            key("calibration_bins", 0,
                "of multiple choice also the expected calibration error (metric ece) over so many "
                "equally wide bins of probability, as in 10; 0: none")
                .range(0, 1000),
            key("window", 0, "longest input of a rolling task; 0: the model's")
                .at_least(0)
                .in("tokens"),
            key("protocol", std::vector<std::string>{"lm-eval@0.4.13"},
                "the way of measuring, or several"),
            key("tokenizer", "", "variant of the tokenizer; empty: the protocol's")};
  }
  explicit LmEval(const Config& c)
      : prompts_(read_task(c.get<std::string>("task")), c.get<int64_t>("fewshot"),
                 c.get<std::string>("documents"), c.get<std::string>("fewshot_documents"),
                 form_of(c)),
        form_(form_of(c)),
        task_(prompts_.definition()),
        label_(c.get<std::string>("label")),
        tokenizer_(c.get<std::string>("tokenizer")),
        limit_(c.get<int64_t>("limit")),
        window_(c.get<int64_t>("window")),
        bins_(c.get<int64_t>("calibration_bins")),
        protocols_(protocols_at(c.path() + ".protocol", c.get<std::vector<std::string>>("protocol"),
                                "loglikelihood")) {
    if (bins_ > 0 && task_.output_type != "multiple_choice")
      fail("{}.calibration_bins: {} is of {}; only multiple choice has probabilities of answers",
           c.path(), task_.name, task_.output_type);
    if (!label_.empty()) return;
    label_ = task_.name;
    if (prompts_.shots() != task_.fewshot) label_ += fmt::format("-{}shot", prompts_.shots());
    if (form_.chat) label_ += "-chat";
    if (limit_) label_ += fmt::format("-first{}", limit_);
  }

  void check() const override {
    data_file(prompts_.documents());
    if (!prompts_.examples_file().empty()) data_file(prompts_.examples_file());
  }

  std::vector<std::string> files() const override {
    std::vector<std::string> all;
    for (const auto& file : task_.sources) all.push_back(below_data(file));
    all.push_back(prompts_.documents());
    if (!prompts_.examples_file().empty()) all.push_back(prompts_.examples_file());
    if (form_.chat)
      for (const auto& f : form_.chat->files()) all.push_back(f);
    return all;
  }

  /// Protocols that send the same ids share one pass.
  std::vector<Metric> run(const TaskContext& c) const override {
    std::vector<Metric> all;
    std::map<std::string, std::vector<Metric>> measured;
    for (const auto& p : protocols_) {
      const auto tokenizer = c.tokenizer(tokenizer_.empty() ? p.tokenizer : tokenizer_);
      const auto length = window_ ? window_ : c.model.max_length();
      const auto ready = prepare(c, *tokenizer, p, length);
      auto it = measured.find(ready->hash);
      if (it == measured.end())
        it = measured.emplace(ready->hash, measure(c, *ready, *tokenizer, p, length)).first;
      for (auto m : it->second) {
        m.protocol = p.id;
        all.push_back(std::move(m));
      }
      if (c.evidence && !it->second.empty())
        c.evidence(evidence_of(c, prompts_, ready->questions, it->second.front().task, ready->hash,
                               p, tokenizer));
    }
    return all;
  }

  void requests(const TaskContext& c, int64_t items, const SeeRequest& see) const override {
    const auto most = items && (!limit_ || items < limit_) ? items : limit_;
    for (const auto& p : protocols_)
      show_questions(prompts_.questions(most, p.documents), task_,
                     c.tokenizer(tokenizer_.empty() ? p.tokenizer : tokenizer_), p,
                     window_ ? window_ : c.model.max_length(), see);
  }

 private:
  static PromptForm form_of(const Config& c) {
    PromptForm form;
    const auto file = c.get<std::string>("chat_template");
    if (!file.empty()) form.chat = std::make_shared<const ChatTemplate>(file);
    form.multiturn = c.get<bool>("fewshot_as_multiturn");
    form.system = c.get<std::string>("system_instruction");
    return form;
  }
  /// What of the form the requests depend on.
  std::string form_key() const {
    return form_.system + (form_.chat ? "|chat " + form_.chat->files().front() : "") +
           (form_.multiturn ? "|turns" : "");
  }

  std::vector<Metric> measure(const TaskContext& c, const Prepared& ready,
                              const Tokenizer& tokenizer, const Protocol& protocol,
                              int64_t length) const {
    std::vector<Metric> all;
    if (task_.output_type == "multiple_choice") all = choose(c, ready);
    if (task_.output_type == "loglikelihood") all = continue_text(c, ready);
    if (task_.output_type == "loglikelihood_rolling")
      all = roll(c, ready, tokenizer, protocol, length);
    if (task_.output_type == "generate_until")
      all = generate_text(c, ready, tokenizer, protocol.documents);
    count_of("left_out", ready.left_out, ready, all);
    count_of("labels_beyond", labels_beyond(ready.questions), ready, all);
    return all;
  }

  static int64_t labels_beyond(const std::vector<Question>& questions) {
    return std::count_if(questions.begin(), questions.end(),
                         [](const Question& q) { return q.label_beyond; });
  }

  /// What the numbers beside it leave out or count as wrong: a row where there is any.
  void count_of(const std::string& name, int64_t count, const Prepared& ready,
                std::vector<Metric>& all) const {
    if (count == 0) return;
    auto m = blank(name, ready);
    m.value = static_cast<double>(count);
    m.unit = "documents";
    m.higher_is_better = false;
    m.directed = false;  // says what the numbers beside it are of
    all.push_back(std::move(m));
  }

  std::shared_ptr<const Prepared> prepare(const TaskContext& c, const Tokenizer& tokenizer,
                                          const Protocol& protocol, int64_t length) const {
    const auto key = fmt::format("requests|{}|{}|{}|{}|{}|{}|{}|{}|{}", task_.file.string(),
                                 prompts_.documents(), prompts_.examples_file(), prompts_.shots(),
                                 limit_, protocol.id, tokenizer.hash(), length, form_key());
    return c.once<Prepared>(key, [&] {
      auto out = std::make_shared<Prepared>();
      std::string digest, why;
      for (auto& q : prompts_.questions(limit_, protocol.documents)) {
        try {
          digest += encode(*out, q, tokenizer, protocol, length) + gold_of(q);
        } catch (const Error& e) {
          if (out->left_out++ == 0) why = e.what();
          continue;
        }
        out->questions.push_back(std::move(q));
      }
      if (out->questions.empty()) fail("task {}: no document can be encoded: {}", label_, why);
      out->hash = sha256_hex(digest);
      return std::shared_ptr<const Prepared>(out);
    });
  }

  /// What counts as right, as text: with another answer it is another item.
  static std::string gold_of(const Question& q) {
    if (q.right.empty() && q.references.empty()) return "";
    std::string text = "|right " + json_array_text(q.right);
    for (const auto& r : q.references) text += fmt::format("|{}:{}", r.size(), r);
    return text;
  }

  /// Adds what a question needs; returns the text of its ids.
  std::string encode(Prepared& out, const Question& q, const Tokenizer& t, const Protocol& protocol,
                     int64_t length) const {
    std::string digest;
    if (task_.output_type == "loglikelihood_rolling")
      return fmt::format("{}|{}", prefix_token(t, protocol),
                         json_array_text(encode_rolled(q.continuations.front(), t, protocol)));
    if (task_.output_type == "generate_until") {
      out.prompts.push_back(
          encode_prompt(q.contexts.front(), t, protocol, length, task_.max_new_tokens));
      return json_array_text(out.prompts.back());
    }
    auto item = encode_question(q, t, protocol, length);
    for (const auto& r : item.requests) digest += json_array_text(r.tokens);
    std::vector<Item> alone;  // all of a question or none
    if (task_.asks("acc_mutual_info"))
      for (const auto& text : q.continuations)
        alone.push_back({{to_request(encode_pair("", text, t, protocol), length)}});
    out.alone.insert(out.alone.end(), alone.begin(), alone.end());
    out.items.push_back(std::move(item));
    return digest;
  }

  Metric blank(const std::string& name, const Prepared& ready) const {
    Metric m;
    m.task = label_;
    m.name = name;
    m.unit = "share";
    m.items_hash = ready.hash;
    m.n = static_cast<int64_t>(ready.questions.size());
    return m;
  }

  Metric mean_of(const std::string& name, const std::vector<double>& values,
                 const Prepared& ready) const {
    auto m = blank(name, ready);
    m.value = mean(values);
    m.stderr_ = mean_stderr(values);
    m.items.assign(values.begin(), values.end());
    return m;
  }

  std::vector<Metric> choose(const TaskContext& c, const Prepared& ready) const {
    const auto scores = likelihoods(c.model, ready.items, c.batch_tokens, c.progress);
    std::vector<std::vector<Likelihood>> alone;
    if (!ready.alone.empty()) alone = likelihoods(c.model, ready.alone, c.batch_tokens);
    std::map<std::string, std::vector<double>> columns;
    std::vector<Answer> answers;
    std::vector<Surety> sure;
    size_t at = 0;
    for (size_t i = 0; i < scores.size(); ++i) {
      const auto& q = ready.questions[i];
      std::vector<double> sums, gained;
      for (const auto& s : scores[i]) sums.push_back(s.sum);
      if (!alone.empty())
        for (const auto s : sums) gained.push_back(s - alone[at++].front().sum);
      const auto hit = [&](const char* name, const std::vector<double>& values) {
        columns[name].push_back(is_right(q, first_maximum(values)));
      };
      hit("acc", sums);
      hit("acc_norm", per_character(q, sums));
      hit("acc_bytes", per_byte(q, sums));
      if (!gained.empty()) hit("acc_mutual_info", gained);
      const auto gold = q.right.empty() ? -1 : q.right.front();
      columns["exact_match"].push_back(std::any_of(q.right.begin(), q.right.end(), [&](int64_t r) {
        return scores[i][static_cast<size_t>(r)].greedy;
      }));
      columns["brier_score"].push_back(brier(sums, gold));
      if (task_.results == "mc2") columns["acc"].back() = right_mass(q, sums);
      if (task_.results == "record") {
        const auto& said = q.names.at(first_maximum(sums));
        columns["em"].push_back(same_words(said, q.references));
        columns["f1"].push_back(word_f1(said, q.references));
      }
      answers.push_back({gold, static_cast<int64_t>(first_maximum(sums))});
      sure.push_back({probability_of_best(sums), is_right(q, first_maximum(sums))});
    }
    std::vector<Metric> all;
    for (const auto& wanted : task_.metrics)
      if (const auto it = columns.find(wanted.name); it != columns.end())
        all.push_back(mean_of(wanted.name, it->second, ready));
      else
        all.push_back(of_answers(wanted, answers, ready));
    for (auto& m : all) m.higher_is_better = m.name != "brier_score";
    if (bins_ > 0) all.push_back(calibration(sure, ready));
    return all;
  }

  /// Its items are how much surer each answer was than right.
  Metric calibration(const std::vector<Surety>& answers, const Prepared& ready) const {
    auto m = blank("ece", ready);
    m.value = expected_calibration_error(answers, bins_);
    m.stderr_ = bootstrap_stderr(static_cast<int64_t>(answers.size()), kBootstrapIterations,
                                 [&](const std::vector<int64_t>& drawn) {
                                   std::vector<Surety> sample;
                                   for (const auto i : drawn)
                                     sample.push_back(answers[static_cast<size_t>(i)]);
                                   return expected_calibration_error(sample, bins_);
                                 });
    m.higher_is_better = false;
    for (const auto& a : answers)
      m.items.push_back(static_cast<float>(a.probability - (a.right ? 1 : 0)));
    return m;
  }

  Metric of_answers(const MetricChoice& wanted, const std::vector<Answer>& answers,
                    const Prepared& ready) const {
    const auto& name = wanted.name;
    auto* aggregate = name == "f1" && wanted.class_mean ? class_mean_f1
                      : name == "f1"                    ? f1_score
                      : name == "mcc"                   ? matthews
                                                        : nullptr;
    if (!aggregate) unknown(name);
    auto m = blank(name, ready);
    m.value = aggregate(answers);
    m.stderr_ = bootstrap_stderr<Answer>(answers, kBootstrapIterations, aggregate);
    for (const auto& a : answers) m.items.push_back(a.gold == a.predicted ? 1.0f : 0.0f);
    return m;
  }

  [[noreturn]] void unknown(const std::string& metric) const {
    fail("{}: the metric '{}' does not exist for {}", task_.file.string(), metric,
         task_.output_type);
  }

  std::vector<Metric> continue_text(const TaskContext& c, const Prepared& ready) const {
    const auto scores = likelihoods(c.model, ready.items, c.batch_tokens, c.progress);
    std::vector<double> sums, greedy;
    for (const auto& s : scores) sums.push_back(s.front().sum), greedy.push_back(s.front().greedy);
    std::vector<Metric> all;
    for (const auto& wanted : task_.metrics) {
      if (wanted.name == "acc") {
        all.push_back(mean_of("acc", greedy, ready));
        continue;
      }
      if (wanted.name != "perplexity") unknown(wanted.name);
      auto m = mean_of("perplexity", sums, ready);
      m.value = perplexity_of(sums);
      m.stderr_ = bootstrap_stderr<double>(sums, kBootstrapIterations, perplexity_of);
      m.unit = "perplexity";
      m.higher_is_better = false;
      all.push_back(std::move(m));
    }
    return all;
  }

  std::vector<Metric> roll(const TaskContext& c, const Prepared& ready, const Tokenizer& tokenizer,
                           const Protocol& protocol, int64_t length) const {
    const auto documents = score_rolling(c.model, ready.questions, tokenizer, protocol, length,
                                         c.batch_tokens, c.progress);
    if (std::all_of(documents.begin(), documents.end(), [](const auto& d) { return d.bytes == 0; }))
      fail("task {}: its documents hold no text", label_);
    std::vector<Metric> all;
    for (const auto& wanted : task_.metrics) {
      const bool words = wanted.name == "word_perplexity", bits = wanted.name == "bits_per_byte";
      if (!words && !bits && wanted.name != "byte_perplexity") unknown(wanted.name);
      const auto values = words ? by_words(documents) : by_bytes(documents);
      auto* aggregate = bits ? bits_per_byte : weighted_perplexity;
      auto m = blank(wanted.name, ready);
      m.task = fmt::format("{}@{}", label_, length);
      m.value = aggregate(values);
      // lm-eval states no error for these; ours resamples documents.
      m.stderr_ = bootstrap_stderr<Weighted>(values, kBootstrapIterations, aggregate);
      m.unit = bits ? "bits" : "perplexity";
      m.higher_is_better = false;
      for (const auto& v : values)
        m.items.push_back(v.weight > 0 ? static_cast<float>(-v.value / v.weight) : 0.0f);
      all.push_back(std::move(m));
    }
    return all;
  }

  std::vector<Metric> generate_text(const TaskContext& c, const Prepared& ready,
                                    const Tokenizer& tokenizer, const DocumentRules& rules) const {
    const auto texts =
        generate_texts(c.model, ready.prompts, tokenizer,
                       {task_.max_new_tokens, task_.until, c.ends}, c.batch_tokens, c.progress);
    std::vector<Metric> all;
    for (const auto& chain : task_.filters)
      for (const auto& wanted : task_.metrics) {
        if (wanted.name != "exact_match" && wanted.name != "f1") unknown(wanted.name);
        std::vector<double> values;
        for (size_t i = 0; i < texts.size(); ++i) {
          const auto text = filtered(chain, texts[i], rules, ready.questions[i].names);
          const auto& references = ready.questions[i].references;
          values.push_back(wanted.name == "f1" ? word_f1(text, references)
                           : task_.results == "hendrycks_math"
                               ? math_match(text, references)
                               : exact_match(wanted, text, references));
        }
        const bool plain = task_.filters.size() == 1;
        all.push_back(mean_of(plain ? wanted.name : wanted.name + "," + chain.name, values, ready));
      }
    return all;
  }

  Prompts prompts_;
  PromptForm form_;
  const TaskDefinition& task_;
  std::string label_, tokenizer_;
  int64_t limit_, window_, bins_;
  std::vector<Protocol> protocols_;
};

BENCH_REGISTER(Task, LmEval, "lm_eval",
               .doc = "a task of lm-eval's YAML form, shipped or one's own");

}  // namespace
}  // namespace bench
