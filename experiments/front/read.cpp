// report, leaderboard and list: a database in, a text out.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <set>

#include <nlohmann/json.hpp>

#include "base/near.h"
#include "base/regular_file.h"
#include "base/split.h"
#include "front/verbs.h"
#include "reports/escape.h"
#include "reports/flips.h"
#include "reports/layout.h"
#include "reports/leaderboard.h"
#include "reports/long.h"
#include "reports/render.h"
#include "reports/summary.h"
#include "reports/variance.h"

namespace bench::front {

namespace {

Store opened(const Options& options) {
  return Store(options.get("--db", "out/bench.db"), Store::Mode::ReadOnly);
}

std::string seconds_of(const Trial& t) {
  return t.state == "done" || t.state == "failed" ? fmt::format("{:.1f} s", t.finished - t.started)
                                                  : "";
}

const char* colour_of(const std::string& state) {
  return state == "done" ? "\x1b[32m" : state == "failed" ? "\x1b[31m" : "\x1b[33m";
}

bool among(const std::vector<std::string>& names, const std::string& name) {
  return names.empty() || std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

double share_named(const std::string& verb, const std::string& word) {
  char* end = nullptr;
  const double value = std::strtod(word.c_str(), &end);
  const std::string rest = end;
  if (end == word.c_str() || (!rest.empty() && rest != "%"))
    throw Usage(fmt::format("{}: --sparsity: '{}' is no share; write 0.5 or 50%", verb, word));
  return rest == "%" ? value / 100 : value;
}

void write_file(const std::string& path, const std::string& text) {
  namespace fs = std::filesystem;
  std::error_code error;
  require_replaceable(path);
  const fs::path folder = fs::path(path).parent_path();
  if (!folder.empty()) fs::create_directories(folder, error);
  const std::string beside = path + ".new";
  std::ofstream out(beside, std::ios::binary);
  out << text;
  out.close();
  if (out) fs::rename(beside, path, error);
  if (!out || error) {
    fs::remove(beside, error);
    fail("{}: cannot be written; check its folder and the free space, or give another --out", path);
  }
}

namespace {

/// All values of a flag, each of which may be a list.
std::vector<std::string> words_of(const Options& options, const char* flag) {
  std::vector<std::string> list;
  for (const auto& word : options.all(flag))
    for (auto& part : split_list(word)) list.push_back(std::move(part));
  return list;
}

/// The table that the flags describe; nothing where none of them is given.
std::optional<Layout> layout_of(const Options& options) {
  const char* const flags[] = {"--rows",    "--columns",  "--metric", "--method",
                               "--pattern", "--sparsity", "--mean",   "--rank"};
  if (std::none_of(std::begin(flags), std::end(flags),
                   [&](const char* f) { return options.has(f); }))
    return {};
  Layout layout;
  layout.rows = options.get("--rows", layout.rows);
  if (options.has("--columns"))
    layout.columns = split_list(options.get("--columns", ""));
  else if (layout.rows == "setting" || options.has("--mean"))
    layout.columns = {"task"};
  layout.metrics = words_of(options, "--metric");
  layout.methods = words_of(options, "--method");
  layout.patterns = words_of(options, "--pattern");
  for (const auto& word : options.all("--sparsity"))
    layout.sparsities.push_back(share_named("report", word));
  for (const auto& list : options.all("--mean")) layout.means.push_back(split_list(list));
  layout.rank = options.has("--rank");
  return layout;
}

}  // namespace

int report(const Options& options) {
  const Format format = as_usage([&] { return format_named(options.get("--format", "table")); });
  std::vector<std::unique_ptr<Store>> stores;
  auto paths = options.all("--db");
  if (paths.empty()) paths.emplace_back("out/bench.db");
  std::vector<const Store*> read;
  for (const auto& path : paths) {
    stores.push_back(std::make_unique<Store>(path, Store::Mode::ReadOnly));
    read.push_back(stores.back().get());
  }
  Rows rows = read_rows(read, options.all("--model"));
  const Selection selection{options.all("--model"), options.all("--task"),
                            options.all("--protocol"), options.has("--across-models")};
  const bool asks = options.flags.size() > (options.has("--db") ? 1 : 0);
  if (!asks) {
    print(render_summary(rows, paths.front(), colours()));
    return 0;
  }
  std::set<std::string> flips;
  if (options.has("--flips")) {
    as_usage([&] { check_selection(rows, selection); });  // of what is there, not of what is left
    flips = to_flips(rows, selection, words_of(options, "--metric"));
  }
  if (options.has("--long")) {
    as_usage([&] { check_selection(rows, selection); });
    print(render_long(rows, selection));
    return 0;
  }
  const Report tables = as_usage([&] {
    auto all = pivot(rows, selection);
    for (auto& table : all.tables)
      if (flips.count(table.metric) > 0)
        for (auto& cell : table.lines.front().cells) cell.reason = "the baseline";
    if (const auto layout = layout_of(options)) return laid_out(all, *layout);
    return options.has("--together") ? all : split_structures(all);
  });
  show_pages(render(tables, rows, format, {colours(), columns()}));
  return 0;
}

int variance(const Options& options) {
  const Store store = opened(options);
  const Rows rows = read_rows(store);
  const Report tables = as_usage([&] {
    return pivot(rows, {options.all("--model"), options.all("--task"), {}, false});
  });
  const auto sheet = variance_sheet(tables);
  if (sheet.rows.size() < 2)
    fail("variance: no cell has three seeds or more; sweep over seed=0,1,2 (docs/reports.md)");
  const auto format = options.get("--format", "table");
  show_pages(format == "csv"        ? sheet_csv(sheet)
             : format == "markdown" ? sheet_markdown(sheet)
                                    : sheet_text(sheet));
  return 0;
}

int leaderboard(const Options& options) {
  const std::string path = options.get("--out", "out/leaderboard.html");
  write_file(path, leaderboard_page(opened(options), options.get("--db", "out/bench.db")));
  print(path + "\n");
  return 0;
}

namespace {

/// What `list` shows, for programs.
std::string listed(const std::vector<Trial>& trials, bool json) {
  using Json = nlohmann::ordered_json;
  Json all = Json::array();
  std::string out = "number,trial,state,model,method,pattern,sparsity,seconds,error,remark\r\n";
  for (const auto& t : trials) {
    const bool over = t.state == "done" || t.state == "failed";
    const double seconds = over ? t.finished - t.started : kNone;
    if (json)
      all.push_back({{"number", t.number},
                     {"trial", t.id},
                     {"state", t.state},
                     {"model", t.model},
                     {"method", t.method},
                     {"pattern", t.pattern},
                     {"sparsity", t.sparsity},
                     {"seconds", over ? Json(seconds) : Json()},
                     {"error", t.error},
                     {"remark", t.remark}});
    else
      out += fmt::format("{},{},{},{},{},{},{},{},{},{}\r\n", t.number, t.id, t.state, csv(t.model),
                         csv(t.method), csv(t.pattern), exact(t.sparsity), exact(seconds),
                         csv(t.error), csv(t.remark));
  }
  return json ? all.dump(1, ' ', false, Json::error_handler_t::replace) + "\n" : out;
}

/// By number, or as --sort says.
void sort_trials(std::vector<Trial>& trials, const std::string& by) {
  std::stable_sort(trials.begin(), trials.end(), [&](const Trial& a, const Trial& b) {
    if (by == "model") return a.model < b.model;
    if (by == "method") return a.method < b.method;
    if (by == "time") return a.finished - a.started > b.finished - b.started;
    return a.number < b.number;
  });
}

}  // namespace

int list(const Options& options) {
  const bool colour = colours();
  if (!options.has("--db") && !std::filesystem::exists("out/bench.db")) {
    print("nothing has been run here yet: bench run configs/smoke.yaml\n");
    return 0;
  }
  auto trials = opened(options).listed();
  const size_t count = trials.size();
  std::erase_if(trials, [&](const Trial& t) {
    return !among(options.all("--state"), t.state) || !among(options.all("--model"), t.model) ||
           !among(options.all("--method"), t.method);
  });
  sort_trials(trials, options.get("--sort", "number"));
  if (const auto format = options.get("--format", "table"); format != "table") {
    print(listed(trials, format == "json"));
    return 0;
  }
  std::string out;
  size_t shown = 0;
  for (const auto& t : trials) {
    ++shown;
    out += fmt::format("{:>5}  {:<16}  {}{:<11}{}  {:<16}  {:<20}  {:<22}  {:>9}", t.number,
                       printable(t.id.substr(0, 16)), colour ? colour_of(t.state) : "", t.state,
                       colour ? "\x1b[0m" : "", printable(t.model), printable(t.method),
                       fmt::format("{} {:.4g}%", printable(t.pattern), t.sparsity * 100),
                       seconds_of(t));
    out += t.error.empty() ? "\n" : "  " + printable(t.error) + "\n";
  }
  show_pages(out + fmt::format("{} of {} trials\n", shown, count));
  return 0;
}

}  // namespace bench::front
