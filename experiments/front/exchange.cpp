// export-results and import: numbers to and from other programs.
#include <filesystem>

#include "front/verbs.h"
#include "reports/lm_eval_export.h"
#include "results/foreign.h"

namespace bench::front {

namespace {

std::string count_of(int64_t n, const char* what) {
  return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s");
}

}  // namespace

int export_results(const Options& options) {
  if (!options.has("--format")) throw Usage("export-results: --format is needed; there is lm-eval");
  const Store store(options.get("--db", "out/bench.db"), Store::Mode::ReadOnly);
  const Rows rows = read_rows(store);
  ExportFilter filter{options.all("--method"), options.all("--pattern"), {}};
  for (const auto& word : options.all("--sparsity"))
    filter.sparsities.push_back(share_named("export-results", word));
  const Selection selection{options.all("--model"), options.all("--task"),
                            options.all("--protocol"), false};
  const std::filesystem::path out = options.get("--out", "out/lm-eval");
  as_usage([&] { check_export(rows, selection, filter); });
  const auto exported = export_lm_eval(rows, selection, filter,
                                       [&](const std::string& path, const std::string& text) {
                                         write_file((out / path).string(), text);
                                       });
  std::string said = fmt::format("{} of {} in {}\n", count_of(exported.files, "file"),
                                 count_of(exported.trials, "trial"), out.string());
  for (const auto& note : exported.notes) said += note + "\n";
  print(said);
  return 0;
}

int import_results(const Options& options) {
  ForeignNames names{options.get("--model", ""), options.get("--method", ""),
                     options.get("--pattern", ""), kNone};
  if (options.has("--sparsity")) {
    names.sparsity = share_named("import", options.get("--sparsity", ""));
    if (!(names.sparsity >= 0 && names.sparsity <= 1))
      throw Usage(fmt::format("import: --sparsity: {} is no share; write 0.5 or 50%",
                              options.get("--sparsity", "")));
  }
  std::vector<Foreign> all;  // every file is read before the first row is written
  for (const auto& path : options.arguments) all.push_back(read_lm_eval(path, names));
  Store store(options.get("--db", "out/bench.db"));
  for (const auto& f : all) {
    const bool added = add_foreign(store, f);
    print(fmt::format("{} {} {}, {}: {}\n", f.spec.model, f.spec.method, f.spec.pattern,
                      count_of(static_cast<int64_t>(f.outcome.metrics.size()), "number"),
                      added ? "imported" : "there already"));
  }
  return 0;
}

}  // namespace bench::front
