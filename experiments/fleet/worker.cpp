// A worker process: claims, runs, records. It tells its parent on standard output what it is doing,
// one JSON line an event; all results go through the ledger.
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "base/error.h"
#include "base/file_digest.h"
#include "base/reason.h"
#include "hydra/yaml/yaml.h"
#include "data/data.h"
#include "fleet/process_name.h"
#include "results/store.h"
#include "trial/identity.h"
#include "trial/run_trial.h"
#include "trial/source_digest.h"
#include "fleet/runner.h"

namespace bench {
namespace {

using Json = nlohmann::json;
constexpr double kLease = 30;  // seconds; renewed three times as often

void tell(const Json& event) {
  const auto line = event.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fflush(stdout);
}

[[noreturn]] void lost(const std::string& id) {
  tell({{"event", "lost"}, {"id", id}});
  std::_Exit(0);
}

/// Renews the lease of one trial until the end of the scope. A lost lease ends the process: the
/// trial is another worker's now.
class Heart {
 public:
  Heart(const std::string& db, std::string id, std::string worker)
      : thread_([this, db, id = std::move(id), worker = std::move(worker)] {
          std::unique_lock lock(mutex_);
          while (!stop_.wait_for(lock, std::chrono::duration<double>(kLease / 3),
                                 [&] { return over_; }))
            try {
              if (!Store(db).heartbeat(id, worker, kLease)) lost(id);
            } catch (const std::exception&) {
              // A busy database is tried again at the next beat; finish() has the last word.
            }
        }) {}
  ~Heart() {
    {
      const std::lock_guard lock(mutex_);
      over_ = true;
    }
    stop_.notify_all();
    thread_.join();
  }
  Heart(const Heart&) = delete;
  Heart& operator=(const Heart&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable stop_;
  bool over_ = false;
  std::thread thread_;
};

/// What goes on where it is not the trial's fault: the run stops, the trial stays to be done.
struct Stop : Error {
  using Error::Error;
};

/// The files are those that the trial was planned with: else its numbers would stand under an id
/// that is of other bytes.
void check_unchanged(const Trial& trial, const Value& config) {
  const auto now = spec_of(config);
  if (now.id == trial.id) return;
  throw Stop(fmt::format(
      "{} of trial {} ({} {}) changed since it was planned: nothing is recorded under the old id; "
      "give the same command again, it plans with what is there now",
      first_difference(trial.identity, now.identity), trial.id, trial.model, trial.method));
}

/// Smaller batches, then weights that live outside memory, give the same numbers: they are tried
/// before a trial fails for want of memory. `residency: whole` was asked for, and stays.
constexpr int64_t kSmallestBatch = 64;

bool try_smaller(Value& config, std::vector<std::string>& steps) {
  const auto tokens = std::get<int64_t>(config.find("batch_tokens")->data);
  if (tokens > kSmallestBatch) {
    const auto smaller = std::max(kSmallestBatch, tokens / 4);
    config.set("batch_tokens", smaller);
    steps.push_back(
        fmt::format("out of memory at batch_tokens={}: again with {}", tokens, smaller));
    return true;
  }
  if (config.find("residency")->string() != "auto") return false;
  config.set("residency", "block");
  steps.push_back(fmt::format("out of memory at batch_tokens={}: again block by block", tokens));
  return true;
}

/// The least that the ladder knows, for a trial whose worker was killed.
void spare_memory(Value& config, std::vector<std::string>& steps) {
  config.set("batch_tokens", kSmallestBatch);
  if (config.find("residency")->string() == "auto") config.set("residency", "block");
  steps.push_back(fmt::format("its worker was killed: again with batch_tokens={} and residency={}",
                              kSmallestBatch, config.find("residency")->string()));
}

/// The trial's outcome, or why there is none.
std::optional<Outcome> attempt(const Trial& trial, Workbench& bench, bool sparing,
                               std::string& why) {
  auto config = load_yaml(trial.config, "trial " + trial.id);
  const TrialProgress progress = [&](const std::string& phase, int64_t done, int64_t of) {
    tell({{"event", "progress"}, {"id", trial.id}, {"phase", phase}, {"done", done}, {"of", of}});
  };
  std::vector<std::string> steps;
  if (sparing) spare_memory(config, steps);
  for (;;) try {
      check_unchanged(trial, config);
      auto outcome = run_trial(config, bench, progress);
      check_unchanged(trial, config);
      if (!steps.empty()) outcome.notes.emplace_back("memory", Json(steps).dump());
      outcome.code = code_of(config);
      outcome.revision = revision();
      return outcome;
    } catch (const Stop&) {
      throw;
    } catch (const std::exception& e) {
      const auto reason = reason_of(e);
      why = reason.text;
      if (!reason.memory || !try_smaller(config, steps)) return std::nullopt;
      bench.forget();
    }
}

/// A run that cannot go on says why, once; the trial stays to be done.
[[noreturn]] void stop(Store* store, const std::string& id, const std::string& worker,
                       const std::string& why) {
  if (store) store->release(worker);
  tell({{"event", "stop"}, {"id", id}, {"why", why}});
  throw Error(why);
}

bool run_one(Store& store, const std::string& db, const Trial& trial, const std::string& worker,
             bool sparing, Workbench& bench) {
  std::string why;
  std::optional<Outcome> outcome;
  try {
    const Heart heart(db, trial.id, worker);  // ends before the row is written: then no lease is
    outcome = attempt(trial, bench, sparing, why);
  } catch (const Stop& e) {
    stop(&store, trial.id, worker, e.what());
  }
  try {
    if (outcome) {
      const bool kept = store.finish(trial.id, worker, *outcome);
      for (const auto& f : outcome->failed_tasks)
        if (kept) tell({{"event", "task"}, {"id", trial.id}, {"task", f.task}, {"why", f.why}});
      tell({{"event", kept ? "done" : "lost"}, {"id", trial.id}});
    } else {
      store.fail(trial.id, worker, why);
      tell({{"event", "failed"}, {"id", trial.id}, {"why", why}});
    }
  } catch (const std::exception& e) {
    stop(nullptr, trial.id, worker, reason_of(e).text);  // the database's trouble
  }
  return outcome.has_value();
}

}  // namespace

int work(const std::string& wish_file) {
  const auto order = Json::parse(read_file(wish_file));
  const auto db = order.at("db").get<std::string>();
  std::vector<KnownFile> files;
  for (const auto& f : order.at("files")) files.push_back({f.at(0), f.at(1), f.at(2)});
  know_files(files);
  Store store(db);
  Workbench bench;
  Store::Wish wish;
  wish.ids = order.at("ids").get<std::vector<std::string>>();
  wish.worker = process_name();
  wish.lease_seconds = kLease;
  wish.retry_failed = order.at("retry_failed").get<bool>();
  wish.since = order.at("since").get<double>();
  const bool fail_fast = order.at("fail_fast").get<bool>();
  const auto sparing = order.at("sparing").get<std::vector<std::string>>();
  while (const auto trial = store.claim(wish)) {
    wish.share_key = trial->share_key;
    tell({{"event", "start"}, {"id", trial->id}, {"limit", trial->time_limit}});
    const bool spare = std::count(sparing.begin(), sparing.end(), trial->id) > 0;
    if (!run_one(store, db, *trial, wish.worker, spare, bench) && fail_fast) return 1;
  }
  return 0;
}

}  // namespace bench
