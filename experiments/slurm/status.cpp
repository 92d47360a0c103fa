#include "slurm/status.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/printable.h"
#include "results/store.h"

namespace bench::slurm {
namespace {

using Json = nlohmann::ordered_json;

std::string state_of(const Standing& s, const Standing::Job& job, const Element& e) {
  if (!e.state.empty()) {
    const bool says = !e.reason.empty() && e.reason != "None";
    return e.state + (says ? " (" + e.reason + ")" : "");
  }
  if (e.done + e.failed == e.trials) return "ended";
  return job.merged || s.no_queue.empty() ? "ended early" : "not known";
}

}  // namespace

Standing standing_of(const std::string& db) {
  Standing all;
  all.db = db;
  {
    const Store store(db, Store::Mode::ReadOnly);
    for (const auto& t : store.trials()) {
      ++all.trials;
      all.done += t.state == "done";
      all.failed += t.state == "failed";
    }
  }
  const auto submissions = submissions_of(db);
  std::vector<Queued> queued;
  if (!submissions.empty()) try {
      if (!installed()) fail("squeue is not in PATH on this machine");
      queued = queue();
    } catch (const Error& e) {
      all.no_queue = e.what();
    }
  for (const auto& s : submissions) {
    Standing::Job job;
    job.submission = s;
    job.merged = is_merged(s);
    job.elements = elements_of(s, queued);
    for (const auto& q : queued) {
      job.live = job.live || q.job == s.job;
      if (s.merge > 0 && q.job == s.merge) job.merge = q.state;
    }
    all.jobs.push_back(std::move(job));
  }
  return all;
}

std::string as_text(const Standing& s) {
  auto out = fmt::format("{}: {} trials, {} done, {} failed, {} to do\n", printable(s.db), s.trials,
                         s.done, s.failed, s.trials - s.done - s.failed);
  if (s.jobs.empty())
    return out + "nothing of it was handed to a cluster (bench run CONFIG launcher=slurm)\n";
  if (!s.no_queue.empty()) out += "the queue is not known: " + printable(s.no_queue) + "\n";
  for (const auto& job : s.jobs) {
    int64_t trials = 0, done = 0, failed = 0;
    for (const auto& e : job.elements) trials += e.trials, done += e.done, failed += e.failed;
    const char* how = job.merged            ? "merged"
                      : job.live            ? "in the queue"
                      : !s.no_queue.empty() ? "not known"
                      : !job.merge.empty()  ? "being merged"
                                            : "over; bench run or bench merge brings it in";
    out += fmt::format("\njob {}: {}; {} of {} trials done, {} failed; {}\n", job.submission.job,
                       how, done, trials, failed, printable(job.submission.folder));
    if (job.merged) continue;
    out += fmt::format("  {:<10} {:<28} {:>10} {:>7} {:>6} {:>7}  {}\n", "element", "state", "time",
                       "trials", "done", "failed", "time limits");
    for (const auto& e : job.elements)
      out += fmt::format("  {:<10} {:<28} {:>10} {:>7} {:>6} {:>7}  {}\n",
                         fmt::format("{}_{}", job.submission.job, e.number),
                         printable(state_of(s, job, e)), printable(e.time), e.trials, e.done,
                         e.failed, e.timeouts);
  }
  return out;
}

std::string as_json(const Standing& s) {
  Json jobs = Json::array();
  for (const auto& job : s.jobs) {
    Json elements = Json::array();
    for (const auto& e : job.elements)
      elements.push_back({{"element", e.number},
                          {"state", e.state},
                          {"reason", e.reason},
                          {"time", e.time},
                          {"trials", e.trials},
                          {"done", e.done},
                          {"failed", e.failed},
                          {"timeouts", e.timeouts}});
    jobs.push_back({{"job", job.submission.job},
                    {"folder", job.submission.folder},
                    {"submitted", job.submission.submitted},
                    {"in_queue", s.no_queue.empty() ? Json(job.live) : Json()},
                    {"merge_job", job.submission.merge},
                    {"merged", job.merged},
                    {"elements", elements}});
  }
  const Json all{{"db", s.db},
                 {"trials", s.trials},
                 {"done", s.done},
                 {"failed", s.failed},
                 {"queue", s.no_queue.empty() ? Json("known") : Json(s.no_queue)},
                 {"jobs", jobs}};
  return all.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace bench::slurm
