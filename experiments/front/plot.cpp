// bench plot: figures of a database, as files for papers.
#include <algorithm>
#include <cmath>
#include <set>

#include "base/near.h"
#include "front/verbs.h"
#include "reports/distinguish.h"
#include "reports/figures/figures.h"

namespace bench::front {

namespace {

const std::vector<std::string> kKinds{"curve", "pareto", "layers", "atlas", "rank"};

struct Figure {
  std::string name;  // of its file, without the ending
  Drawing drawing;
};

/// "stories260k wikitext2@512 ppl" as a file's name.
std::string file_name(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_';
    if (plain || (!out.empty() && out.back() != '-')) out += plain ? c : '-';
  }
  while (out.ends_with('-')) out.pop_back();
  return out;
}

/// Which columns are meant: by pattern and share; all where neither is given.
struct Wanted {
  std::vector<std::string> patterns;
  std::vector<double> sparsities;

  explicit Wanted(const Options& options) : patterns(options.all("--pattern")) {
    for (const auto& word : options.all("--sparsity"))
      sparsities.push_back(share_named("plot", word));
  }
  bool any() const { return !patterns.empty() || !sparsities.empty(); }
  bool operator()(const Column& c) const {
    const bool pattern = patterns.empty() ||
                         std::find(patterns.begin(), patterns.end(), c.pattern) != patterns.end();
    return pattern && (sparsities.empty() ||
                       std::any_of(sparsities.begin(), sparsities.end(),
                                   [&](double s) { return std::abs(s - c.sparsity) < 1e-9; }));
  }
};

/// The report with the wanted columns only.
Report narrowed(Report report, const Wanted& wanted) {
  if (!wanted.any()) return report;
  for (auto& table : report.tables)
    for (size_t c = table.columns.size(); c-- > 0;)
      if (!wanted(table.columns[c])) {
        table.columns.erase(table.columns.begin() + static_cast<ptrdiff_t>(c));
        for (auto& line : table.lines)
          line.cells.erase(line.cells.begin() + static_cast<ptrdiff_t>(c));
      }
  std::erase_if(report.tables, [](const Table& t) { return t.columns.empty(); });
  return report;
}

std::vector<Figure> curves(const Report& report) {
  std::vector<Figure> out;
  for (const auto* table : leading_tables(report))
    for (const bool structured : {false, true}) {
      if (std::none_of(table->columns.begin(), table->columns.end(),
                       [&](const Column& c) { return is_structured(c.pattern) == structured; }))
        continue;
      out.push_back({fmt::format("curve {} {} {}{}", table->model, table->task, table->metric,
                                 structured ? " structured" : ""),
                     curve_figure(*table, structured, series_of(report, table->model), true)});
    }
  return out;
}

std::vector<Figure> paretos(const Report& report, const std::vector<std::string>& costs) {
  std::vector<Figure> out;
  std::set<std::string> known;
  for (const auto& front : fronts(report)) {
    known.insert(front.cost);
    if (!costs.empty() && std::find(costs.begin(), costs.end(), front.cost) == costs.end())
      continue;
    out.push_back(
        {fmt::format("pareto {} {} {} {}", front.model, front.task, front.metric, front.cost),
         pareto_figure(front, series_of(report, front.model), true)});
  }
  for (const auto& cost : costs)
    if (known.count(cost) == 0)
      throw Usage(
          fmt::format("plot: --cost: no trial measured '{}'{}; the tasks size and latency do", cost,
                      suggestion(cost, {known.begin(), known.end()})));
  return out;
}

std::vector<Figure> ranks(const Report& report) {
  std::vector<Figure> out;
  for (const auto& r : rankings(report))
    out.push_back({fmt::format("rank {}{}", r.model, r.structured ? " structured" : ""),
                   rank_figure(r, series_of(report, r.model))});
  return out;
}

std::vector<Figure> heats(const std::string& kind, const Rows& rows, const Report& report,
                          const std::string& method) {
  std::vector<Figure> out;
  for (const auto& atlas : atlases(rows, report))
    out.push_back({fmt::format("{} {} {}", kind, atlas.model, atlas.column),
                   kind == "layers" ? layers_figure(atlas) : atlas_figure(atlas, method)});
  return out;
}

std::vector<Figure> figures(const Options& options, const Rows& rows) {
  const auto& kind = options.arguments.front();
  const auto report = narrowed(
      pivot(rows, {options.all("--model"), options.all("--task"), {}, false}), Wanted(options));
  if (kind == "curve") return curves(report);
  if (kind == "pareto") return paretos(report, options.all("--cost"));
  if (kind == "rank") return ranks(report);
  return heats(kind, rows, report, options.get("--method", ""));
}

}  // namespace

int plot(const Options& options) {
  const auto& kind = options.arguments.front();
  if (std::find(kKinds.begin(), kKinds.end(), kind) == kKinds.end())
    throw Usage(fmt::format("plot: there is no figure '{}'{}", kind, suggestion(kind, kKinds)));
  const Store store(options.get("--db", "out/bench.db"), Store::Mode::ReadOnly);
  const Rows rows = read_rows(store);
  const auto all = as_usage([&] { return figures(options, rows); });
  if (all.empty())
    fail(
        "plot: nothing to draw: no finished trial has what '{}' shows with these flags; see "
        "'bench report'",
        kind);
  const auto format = options.get("--format", "svg");
  const std::filesystem::path folder = options.get("--out", "out/plots");
  for (const auto& figure : all) {
    const auto path = (folder / (file_name(figure.name) + "." + format)).string();
    write_file(path, format == "svg" ? svg_of(figure.drawing, true) : pdf_of(figure.drawing));
    print(path + "\n");
  }
  return 0;
}

}  // namespace bench::front
