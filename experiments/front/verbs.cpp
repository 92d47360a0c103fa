#include "front/verbs.h"

namespace bench::front {

namespace {

constexpr size_t kAny = 1'000'000;

const Flag kDb{"--db", "PATH", "the database of results (default: out/bench.db)"};
const Flag kModels{"--models", "DIR", "where models are looked up, besides data/models", true};

std::vector<Verb> read_verbs() {
  return {{"list",
           "",
           "the trials of a database and how they stand",
           0,
           0,
           {kDb,
            {"--state", "STATE", "only those: pending, running, done, failed, interrupted", true},
            {"--model", "NAME", "only those of this model", true}},
           list},
          {"show",
           "TRIAL",
           "everything that is known about one trial (the beginning of its id will do)",
           1,
           1,
           {kDb, {"--json", "", "as JSON, whole"}},
           show},
          {"report",
           "",
           "tables: method against sparsity for each model, task and protocol",
           0,
           0,
           {kDb,
            {"--format", "NAME", "table, markdown, csv, json or latex (default: table)"},
            {"--model", "NAME", "only this model", true},
            {"--task", "NAME", "only this task, with or without its window", true}},
           report},
          {"leaderboard",
           "",
           "one HTML page with tables, curves and where each number comes from",
           0,
           0,
           {kDb, {"--out", "PATH", "the page (default: out/leaderboard.html)"}},
           leaderboard}};
}

std::vector<Verb> engine_verbs() {
  return {{"run",
           "CONFIG [KEY=VALUE]...",
           "run a sweep: what is not in the database yet",
           0,
           kAny,
           {kDb, {"--workers", "N", "processes that work at the same time"}},
           nullptr},
          {"plan",
           "CONFIG [KEY=VALUE]...",
           "list its trials and all its mistakes; runs nothing",
           0,
           kAny,
           {kDb},
           nullptr},
          {"verify",
           "FOLDER",
           "compare with recorded results below a folder, or in one file",
           0,
           kAny,
           {kModels, {"--full", "", "large models whole, not only their first parts"}},
           nullptr},
          {"worker", "", "work on the trials that a run hands out", 0, kAny, {kDb}, nullptr},
          {"criteria", "", "the pruning criteria and their settings", 0, kAny, {}, nullptr},
          {"tokenize", "MODEL FILE", "the token ids of a text", 0, kAny, {kModels}, nullptr},
          {"explain", "KEY", "what a configuration key means", 0, kAny, {}, nullptr}};
}

}  // namespace

const std::vector<Verb>& verbs() {
  static const std::vector<Verb> all = [] {
    auto list = engine_verbs();
    const auto readers = read_verbs();
    list.insert(list.begin() + 2, readers.begin(), readers.end());  // after run and plan
    return list;
  }();
  return all;
}

}  // namespace bench::front
