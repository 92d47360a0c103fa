// report, leaderboard and list: a database in, a text out.
#include <algorithm>
#include <filesystem>
#include <fstream>

#include "base/near.h"
#include "base/regular_file.h"
#include "front/verbs.h"
#include "reports/escape.h"
#include "reports/leaderboard.h"
#include "reports/render.h"

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

/// Beside its place first, then renamed: a reader never sees half a page.
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

}  // namespace

int report(const Options& options) {
  const Format format = as_usage([&] { return format_named(options.get("--format", "table")); });
  const Rows rows = read_rows(opened(options));
  const Selection selection{options.all("--model"), options.all("--task"),
                            options.all("--protocol"), options.has("--across-models")};
  const Report tables = as_usage([&] { return pivot(rows, selection); });
  print(render(tables, rows, format, {colours(), columns()}));
  return 0;
}

int leaderboard(const Options& options) {
  const std::string path = options.get("--out", "out/leaderboard.html");
  write_file(path, leaderboard_page(opened(options)));
  print(path + "\n");
  return 0;
}

int list(const Options& options) {
  const bool colour = colours();
  const auto trials = opened(options).trials();
  std::string out;
  size_t shown = 0;
  for (const auto& t : trials) {
    if (!among(options.all("--state"), t.state) || !among(options.all("--model"), t.model))
      continue;
    ++shown;
    out += fmt::format("{:>5}  {:<16}  {}{:<11}{}  {:<16}  {:<20}  {:<22}  {:>9}", t.number,
                       printable(t.id.substr(0, 16)), colour ? colour_of(t.state) : "", t.state,
                       colour ? "\x1b[0m" : "", printable(t.model), printable(t.method),
                       fmt::format("{} {:.4g}%", printable(t.pattern), t.sparsity * 100),
                       seconds_of(t));
    out += t.error.empty() ? "\n" : "  " + printable(t.error) + "\n";
  }
  print(out + fmt::format("{} of {} trials\n", shown, trials.size()));
  return 0;
}

}  // namespace bench::front
