// Log-likelihoods of multiple-choice documents recorded from lm-eval, item by item, and the
// accuracies over all documents. <model>.lm-eval-<version>.jsonl.gz; aggregates.json beside it.
#include <set>
#include <sstream>

#include "formats/gzip.h"
#include "tasks/choices.h"
#include "tasks/requests.h"
#include "tasks/statistics.h"
#include "parity/verify.h"

namespace bench::verify {
namespace {

constexpr int64_t kBatchTokens = 4096;
constexpr int64_t kLargeDocuments = 12;  // a task of a large model, unless all are asked for

/// Batches and kernels move a log-likelihood by up to 1e-4 at -400 (golden/README 4).
double tolerance(double ll) {
  return 1e-3 + 1e-6 * std::abs(ll);
}

/// One task of one recorded file.
class Replay {
 public:
  Replay(Run& run, fs::path file, Run::Loaded& loaded, const Tokenizer& tokenizer,
         const Protocol& protocol, std::string task)
      : run_(run),
        file_(std::move(file)),
        loaded_(loaded),
        tokenizer_(tokenizer),
        protocol_(protocol),
        task_(std::move(task)) {}

  /// records: by document. aggregate: null where none is recorded.
  void operator()(const std::map<int64_t, Json>& records, const Json& aggregate) {
    const auto known = shipped_tasks();
    if (std::find(known.begin(), known.end(), task_) == known.end())
      throw Missing("no task '" + task_ + "' in data/tasks");
    const auto last = records.rbegin()->first + 1;
    auto count = aggregate.is_object() ? aggregate.at("first_docs").get<int64_t>() : last;
    const bool whole = run_.full() || loaded_.model->block_count() <= 20;
    if (!whole) count = std::min(count, kLargeDocuments);
    if (!whole)
      run_.partial("lm_eval documents", file_, fmt::format("{}: the first {}", task_, count));
    prepare(Prompts(read_task(task_), 0, "").questions(count));
    const auto scores = likelihoods(*loaded_.model, items_, kBatchTokens);
    for (size_t i = 0; i < scores.size(); ++i) {
      std::vector<double> sums;
      for (const auto& s : scores[i]) sums.push_back(s.sum);
      grade(i, sums);
      const auto it = records.find(document_[i]);
      if (it != records.end()) compare(i, scores[i], sums, it->second);
    }
    if (aggregate.is_object() && whole) compare_aggregate(aggregate);
  }

 private:
  void prepare(std::vector<Question> questions) {
    for (size_t i = 0; i < questions.size(); ++i) {
      try {
        items_.push_back(
            encode_question(questions[i], tokenizer_, protocol_, loaded_.model->max_length()));
      } catch (const Error&) {
        left_out_.insert(static_cast<int64_t>(i));
        continue;
      }
      document_.push_back(static_cast<int64_t>(i));
      questions_.push_back(std::move(questions[i]));
    }
  }

  void grade(size_t i, const std::vector<double>& sums) {
    const auto gold = static_cast<size_t>(questions_[i].right.front());
    acc_.push_back(first_maximum(sums) == gold);
    norm_.push_back(first_maximum(per_character(questions_[i], sums)) == gold);
  }

  void fail_item(size_t i, const std::string& why) {
    run_.fail_case("lm_eval documents", file_,
                   fmt::format("{} document {}: {}", task_, document_[i], why));
  }

  void compare(size_t i, const std::vector<Likelihood>& ours, const std::vector<double>& sums,
               const Json& record) {
    const auto theirs = record.at("ll").get<std::vector<double>>();
    const auto& q = questions_[i];
    if (theirs.size() != sums.size() || record.at("gold").get<int64_t>() != q.right.front())
      return fail_item(i, "other choices or another gold answer");
    double worst = 0;
    for (size_t k = 0; k < sums.size(); ++k) {
      worst = std::max(worst, std::abs(sums[k] - theirs[k]) / tolerance(theirs[k]));
      if (record.at("greedy").at(k).get<int>() != int(ours[k].greedy))
        return fail_item(i, fmt::format("choice {}: the greedy flag differs", k));
    }
    if (!(worst <= 1))
      return fail_item(i, fmt::format("a log-likelihood is off by {:.1f} tolerances", worst));
    if (const auto why = lengths_differ(i, record); !why.empty()) return fail_item(i, why);
    for (const auto& [name, ours_hit] : {std::pair("acc", acc_.back()), {"acc_norm", norm_.back()}})
      if (record.contains(name) && record.at(name).get<double>() != ours_hit) {
        if (!near_tie(q, theirs, std::string(name) == "acc_norm"))
          return fail_item(i, std::string(name) + " differs");
        run_.partial("lm_eval documents", file_,
                     fmt::format("near-tie: {} document {}, {}", task_, document_[i], name));
        ++ties_;
      }
    run_.pass("lm_eval documents", worst);
  }

  std::string lengths_differ(size_t i, const Json& record) const {
    const auto& q = questions_[i];
    for (size_t k = 0; k < q.continuations.size(); ++k) {
      const auto pair = encode_pair(q.contexts[q.contexts.size() == 1 ? 0 : k], q.continuations[k],
                                    tokenizer_, protocol_);
      const auto context = record.at("n_ctx").at(k).get<size_t>();
      const auto continuation = record.at("n_cont").at(k).get<size_t>();
      if (pair.context.size() != context || pair.continuation.size() != continuation)
        return fmt::format("choice {}: {}+{} tokens where {}+{} are recorded", k,
                           pair.context.size(), pair.continuation.size(), context, continuation);
    }
    return "";
  }

  /// The two best choices are closer than what float32 can tell.
  static bool near_tie(const Question& q, std::vector<double> values, bool norm) {
    double slack = 2 * tolerance(*std::min_element(values.begin(), values.end()));
    if (norm) {
      slack /= static_cast<double>(*std::min_element(q.characters.begin(), q.characters.end()));
      values = per_character(q, values);
    }
    std::sort(values.begin(), values.end());
    return values.end()[-1] - values.end()[-2] <= slack;
  }

  void compare_aggregate(const Json& a) {
    const auto left = a.at("left_out_docs").get<std::set<int64_t>>();
    if (left != left_out_)
      bench::fail("{}: {} documents are left out where {} are recorded, or others", task_,
                  left_out_.size(), left.size());
    const auto check = [&](const std::string& name, const std::vector<double>& hits) {
      if (!a.contains(name)) return;
      // A near-tie that fell the other way moves an accuracy by one document.
      const double slack = 1e-9 + ties_ / static_cast<double>(hits.size());
      const double value = a.at(name).get<double>();
      const double error = a.at(name + "_stderr").get<double>();
      if (!(std::abs(mean(hits) - value) <= slack))
        bench::fail("{}: {} is {} where {} is recorded", task_, name, mean(hits), value);
      if (!(std::abs(mean_stderr(hits) - error) <= slack))
        bench::fail("{}: the standard error of {} is {} where {} is recorded", task_, name,
                    mean_stderr(hits), error);
    };
    check("acc", acc_);
    check("acc_norm", norm_);
    run_.pass("lm_eval accuracies");
  }

  Run& run_;
  fs::path file_;
  Run::Loaded& loaded_;
  const Tokenizer& tokenizer_;
  Protocol protocol_;
  std::string task_;
  std::vector<Question> questions_;
  std::vector<Item> items_;
  std::vector<int64_t> document_;  // of each item
  std::set<int64_t> left_out_;
  std::vector<double> acc_, norm_;
  double ties_ = 0;
};

using ByTask = std::map<std::string, std::map<int64_t, Json>>;

ByTask read_records(const fs::path& file) {
  ByTask all;
  std::istringstream lines(read_gzip(file));
  for (std::string line; std::getline(lines, line);) {
    auto record = Json::parse(line, nullptr, false);
    if (!record.is_object() || !record.contains("task") || !record.contains("doc"))
      bench::fail("{}: a line is no record of a document", file.string());
    const auto task = record["task"].get<std::string>();
    const auto document = record["doc"].get<int64_t>();
    all[task][document] = std::move(record);
  }
  return all;
}

}  // namespace

void verify_lm_eval(Run& run, const fs::path& file) {
  static const std::string kMark = ".lm-eval-", kEnd = ".jsonl.gz";
  const auto name = file.filename().string();
  const auto at = name.find(kMark);
  if (at == std::string::npos) bench::fail("is not named <model>.lm-eval-<version>.jsonl.gz");
  const auto model = name.substr(0, at);
  const auto from = at + kMark.size();
  const auto id = "lm-eval@" + name.substr(from, name.size() - kEnd.size() - from);
  const auto& how = protocol(id, "loglikelihood");
  auto& loaded = run.model(model);
  const auto tokenizer = loaded.checkpoint.tokenizer(how.tokenizer);
  Json aggregates = Json::object();
  if (fs::exists(file.parent_path() / "aggregates.json"))
    aggregates =
        read_json(file.parent_path() / "aggregates.json").value(model + " " + id, Json::object());
  for (const auto& [task, records] : read_records(file))
    run.guarded("lm_eval accuracies", file, [&, task = task, records = records] {
      Replay(run, file, loaded, *tokenizer, how, task)(records, aggregates.value(task, Json()));
    });
}

}  // namespace bench::verify
