#include "front/verbs.h"

#include "reports/layout.h"

namespace bench::front {

namespace {

constexpr size_t kAny = 1'000'000;

const Flag kDb{"--db", "PATH", "the database of results (default: out/bench.db)"};
const Flag kModels{"--models", "DIR", "where models are looked up, besides data/models", true};

std::vector<Flag> show_flags() {
  std::vector<Flag> flags{kDb,
                          {"--json", "", "as JSON, whole"},
                          {"--config", "", "as a configuration file that runs to the same id"}};
  for (auto& flag : request_flags()) flags.push_back(std::move(flag));
  return flags;
}

std::vector<Flag> report_flags() {
  Flag db = kDb;
  db.repeats = true;
  return {
      db,
      {.name = "--format",
       .value = "NAME",
       .doc = "default: table; one of",
       .choices = {"table", "markdown", "csv", "json", "latex", "html"}},
      {"--model", "NAME", "only this model", true},
      {"--task", "NAME", "only this task, with or without its window", true},
      {"--protocol", "NAME", "only numbers of this protocol", true},
      {.name = "--rows",
       .value = "WHAT",
       .doc = "what rows are; default: method; one of",
       .choices = row_names()},
      {"--columns", "WHAT", "what columns are: task, sparsity, metric, or several (task,metric)"},
      {"--metric", "NAME", "of each task this metric in place of its first", true},
      {"--method", "NAME", "only this method, all its settings or one", true},
      {"--pattern", "NAME", "only this pattern", true},
      {"--sparsity", "SHARE", "only this sparsity: 0.5 or 50%", true},
      {"--mean", "TASKS", "a column with the mean of these tasks: arc_easy,piqa,boolq", true},
      {"--rank", "", "a column with the mean rank over the others"},
      {"--flips", "", "answers that turned against the dense model, both ways, in place of shares"},
      {"--full", "", "all tables: methods against sparsity"},
      {"--together", "", "structured and unstructured patterns in one table"},
      {"--long", "", "one row a trial and metric, every key of the configuration a column (CSV)"},
      {"--across-models", "", "models side by side, where all is measured alike"}};
}

Verb paired_verb() {
  return {"paired",
          "A B...",
          "is method A better than each B? over all trials that match: difference, interval, test",
          2,
          kAny,
          {kDb,
           {.name = "--format",
            .value = "NAME",
            .doc = "default: table; one of",
            .choices = {"table", "markdown", "csv"}},
           {"--model", "NAME", "only this model", true},
           {"--task", "NAME", "only this task, with or without its window", true},
           {"--protocol", "NAME", "only numbers of this protocol", true}},
          paired};
}

Verb plot_verb() {
  return {"plot",
          "curve | pareto | layers | atlas | rank",
          "figures for papers: quality over sparsity or cost, zeros by layer, overlap of masks, "
          "mean ranks",
          1,
          1,
          {kDb,
           {.name = "--format",
            .value = "NAME",
            .doc = "default: svg; one of",
            .choices = {"svg", "pdf"}},
           {"--out", "DIR", "the folder of the figures (default: out/plots)"},
           {"--model", "NAME", "only this model", true},
           {"--task", "NAME", "only this task, with or without its window", true},
           {"--pattern", "NAME", "only this pattern", true},
           {"--sparsity", "SHARE", "only this sparsity: 0.5 or 50%", true},
           {"--cost", "NAME", "pareto: only against this: parameters, nonzero, macs, bytes", true},
           {"--method", "NAME", "atlas: overlap with this method, layer by layer"}},
          plot};
}

/// Numbers to and from other programs.
std::vector<Verb> exchange_verbs() {
  return {{"export-results",
           "",
           "finished trials as another program writes its results: a folder a model and setting",
           0,
           0,
           {kDb,
            {.name = "--format", .value = "NAME", .doc = "one of", .choices = {"lm-eval"}},
            {"--out", "DIR", "the folder of the export (default: out/lm-eval)"},
            {"--model", "NAME", "only this model", true},
            {"--task", "NAME", "only this task, with or without its window", true},
            {"--protocol", "NAME", "only numbers of this protocol", true},
            {"--method", "NAME", "only this method, all its settings or one", true},
            {"--pattern", "NAME", "only this pattern", true},
            {"--sparsity", "SHARE", "only this sparsity: 0.5 or 50%", true}},
           export_results},
          {"import",
           "FILE...",
           "results files of lm-eval as foreign rows: numbers by a protocol of their own",
           1,
           kAny,
           {kDb,
            {"--model", "NAME", "the model in our tables (default: as the file calls it)"},
            {"--method", "NAME", "dense, or how the model was changed (default: foreign)"},
            {"--pattern", "NAME", "of its zeros: unstructured, 2:4 (default: foreign)"},
            {"--sparsity", "SHARE", "of its zeros: 0.5 or 50%"}},
           import_results}};
}

/// What people change in a database.
std::vector<Verb> change_verbs() {
  return {{"name",
           "TRIAL... LABEL",
           "give trials another method's name in tables",
           2,
           kAny,
           {kDb},
           name_trials},
          {"note", "TRIAL TEXT", "keep a remark with a trial", 2, 2, {kDb}, note_trial},
          {"rm",
           "TRIAL...",
           "take trials out of all tables; they stay as history",
           1,
           kAny,
           {kDb, {"--reason", "TEXT", "why: it stands in the history"}},
           remove_trials},
          {"merge",
           "INTO.db FROM.db...",
           "bring the trials of other databases into one; twice changes nothing",
           2,
           kAny,
           {},
           merge_databases}};
}

std::vector<Verb> read_verbs() {
  return {{"status",
           "",
           "what a cluster works on: each element's state in the queue and its trials",
           0,
           0,
           {kDb, {"--json", "", "as JSON, whole"}},
           status},
          {"list",
           "",
           "the trials of a database and how they stand",
           0,
           0,
           {kDb,
            {.name = "--state",
             .value = "STATE",
             .doc = "only those",
             .repeats = true,
             .choices = {"pending", "running", "done", "failed", "interrupted"}},
            {"--model", "NAME", "only those of this model", true},
            {"--method", "NAME", "only those of this method", true},
            {.name = "--sort",
             .value = "BY",
             .doc = "default: number; one of",
             .choices = {"number", "model", "method", "time"}},
            {.name = "--format",
             .value = "NAME",
             .doc = "default: table; one of",
             .choices = {"table", "csv", "json"}}},
           list},
          {"show", "TRIAL | request TASK I",
           "everything about one trial (the beginning of its id will do), or what a task sends for "
           "its item I",
           1, 3, show_flags(), show},
          {"report", "", "a database on one screen; with flags its tables, as you lay them out", 0,
           0, report_flags(), report},
          paired_verb(),
          {"leaderboard",
           "",
           "one HTML page with tables, curves and where each number comes from",
           0,
           0,
           {kDb, {"--out", "PATH", "the page (default: out/leaderboard.html)"}},
           leaderboard},
          plot_verb(),
          {"variance",
           "",
           "of what each cell's uncertainty is made, and how many more seeds would settle it",
           0,
           0,
           {kDb,
            {"--model", "NAME", "only this model", true},
            {"--task", "NAME", "only this task, with or without its window", true},
            {.name = "--format",
             .value = "NAME",
             .doc = "default: table; one of",
             .choices = {"table", "markdown", "csv"}}},
           variance},
          {"reproduce",
           "[PAPER[:TABLE]]",
           "a paper's numbers beside ours; alone: the papers and their tables",
           0,
           1,
           {kDb,
            {.name = "--format",
             .value = "NAME",
             .doc = "default: table; one of",
             .choices = {"table", "markdown", "latex", "csv"}},
            {"--model", "PRINTED=OURS", "the name in our tables of a printed model", true},
            {"--protocol", "NAME", "take only numbers of ours by this protocol", true},
            {"--published", "DIR", "the folder of published numbers (default: results/published)"},
            {"--sweep", "FILE", "write one configuration that measures all that is missing"}},
           reproduce}};
}

/// What run and plan share: Hydra's flags.
std::vector<Flag> config_flags() {
  return {
      {.name = "--multirun", .doc = "sweep over a=1,2 and range(3)", .also = {"-m"}},
      {.name = "--cfg",
       .value = "WHAT",
       .doc = "print the composed configuration and stop",
       .also = {"-c"},
       .choices = {"job", "hydra", "all"}},
      {"--resolve", "", "with --cfg: evaluate interpolations"},
      {.name = "--package", .value = "KEY", .doc = "with --cfg: only this part", .also = {"-p"}},
      {.name = "--info",
       .value = "WHAT",
       .doc = "print how it is composed and stop; default: all; one of",
       .also = {"-i"},
       .choices = {"all", "config", "defaults", "defaults-tree", "searchpath"},
       .alone = "all"},
      {.name = "--config-dir",
       .value = "DIR",
       .doc = "look for groups here too, behind the configuration's folder",
       .repeats = true,
       .also = {"-cd"}},
      {.name = "--config-name",
       .value = "NAME",
       .doc = "another configuration of that folder",
       .also = {"-cn"}},
      {.name = "--config-path",
       .value = "DIR",
       .doc = "its folder, where none is named (default: configs)",
       .also = {"-cp"}},
      {.name = "--workers",
       .value = "N",
       .doc = "launcher.workers=N: processes that work at the same time"}};
}

std::vector<Verb> engine_verbs() {
  auto run_flags = config_flags(), plan_flags = run_flags;
  plan_flags.push_back(kDb);
  run_flags.insert(run_flags.end(), {kDb,
                                     {"--retry-failed", "", "run trials again that failed before"},
                                     {"--keep", "", "keep numbers whose code changed since"},
                                     {"--again", "", "measure anew what is done, too"},
                                     {"--wait", "", "launcher=slurm: until all of it is done"},
                                     {"--no-report", "", "print no tables at the end"}});
  return {
      {"run", "[CONFIG] [KEY=VALUE]...", "run a sweep: what is not in the database yet", 0, kAny,
       run_flags, run},
      {"plan", "[CONFIG] [KEY=VALUE]...",
       "list its trials and all its mistakes, count what is done; runs nothing", 0, kAny,
       plan_flags, run},
      {"verify",
       "FOLDER",
       "compare with recorded results below a folder, or in one file",
       1,
       1,
       {kModels, {"--full", "", "large models whole, not only their first parts"}},
       verify},
      {"conform",
       "NAME",
       "run the conformance suite on one criterion, allocator or update",
       1,
       1,
       {},
       conform},
      {"criteria",
       "[TERM]... | show NAME",
       "what there is to prune with, all or by terms: units=head data=none year>=2024; show: one "
       "method whole",
       0,
       kAny,
       {{"--where", "TERM", "stands before terms, for readers; more may follow", true},
        {.name = "--format",
         .value = "NAME",
         .doc = "the page of all methods",
         .choices = {"markdown"}}},
       nullptr},
      {"explain",
       "[KEY]",
       "what a configuration key means; without a key: all of them",
       0,
       1,
       {{.name = "--format",
         .value = "NAME",
         .doc = "default: text; one of",
         .choices = {"text", "json", "markdown"}}},
       nullptr}};
}

/// What the script in the checkout does, before there is a program.
std::vector<Verb> script_verbs() {
  const auto verb = [](const char* name, const char* usage, const char* doc) {
    Verb v{name, usage, doc, 0, kAny, {}, nullptr};
    v.script = true;
    return v;
  };
  return {verb("doctor", "", "what is found here, what is missing, and how to get it"),
          verb("fetch", "MODEL", "a model from where it is published: smollm2-135m"),
          verb("build", "", "build the program without running it"),
          verb("test", "[CTEST FLAG]...", "build and run the tests"),
          verb("benchmark", "[FLAG]...", "build and run the benchmarks")};
}

}  // namespace

const std::vector<Verb>& verbs() {
  static const std::vector<Verb> all = [] {
    auto list = engine_verbs();
    const auto readers = read_verbs();
    list.insert(list.begin() + 2, readers.begin(), readers.end());  // after run and plan
    for (auto& verb : change_verbs()) list.push_back(std::move(verb));
    for (auto& verb : exchange_verbs()) list.push_back(std::move(verb));
    const auto checking = checking_verbs();
    list.insert(list.end(), checking.begin(), checking.end());
    for (auto& verb : script_verbs()) list.push_back(std::move(verb));
    return list;
  }();
  return all;
}

}  // namespace bench::front
