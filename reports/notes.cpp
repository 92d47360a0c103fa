#include "reports/notes.h"

#include <fmt/format.h>

#include <map>
#include <set>

namespace bench {

namespace {

/// A failed rule of many trials is one note, which names the first of them.
std::vector<std::string> failures_of(const Table& table) {
  std::map<std::string, std::set<std::string>> trials_of;
  const auto add = [&](const char* mark, const std::string& why) {
    const auto at = why.rfind(" (trial ");
    trials_of[fmt::format("{}: {}", mark, why.substr(0, at))].insert(
        at == std::string::npos ? "" : why.substr(at + 8, why.size() - at - 9));
  };
  for (const auto& line : table.lines) {
    for (const auto& cell : line.cells) {
      for (const auto& why : cell.invalid) add("INVALID", why);
      for (const auto& why : cell.warnings) add("LEAK", why);
    }
  }
  std::vector<std::string> all;
  for (const auto& [why, trials] : trials_of) {
    all.push_back(why);
    if (trials.begin()->empty()) continue;
    all.back() += fmt::format(" (trial {}", *trials.begin());
    if (trials.size() > 1) all.back() += fmt::format(" and {} more", trials.size() - 1);
    all.back() += ")";
  }
  return all;
}

/// A table whose numbers came from several revisions of the program says so.
std::string revisions_of(const Table& table, const Rows& rows) {
  std::map<std::string, std::set<size_t>> trials;
  for (const auto& line : table.lines)
    for (const auto& cell : line.cells)
      if (cell.kind == Cell::Kind::Value)
        for (const size_t t : cell.trials) trials[rows.trials[t].revision].insert(t);
  if (trials.size() < 2) return "";
  std::string text;
  for (const auto& [revision, of] : trials)
    text += fmt::format("{}{} trial{} by {}", text.empty() ? "" : ", ", of.size(),
                        of.size() == 1 ? "" : "s",
                        revision.empty() ? "one that is not known" : revision);
  return "mixes revisions of the program: " + text;
}

}  // namespace

std::vector<std::string> notes_of(const Table& table, const Rows& rows) {
  std::vector<std::string> notes;
  std::set<std::string> spreads;
  for (const auto& line : table.lines) {
    for (const auto& cell : line.cells) {
      if (!cell.spread.empty()) spreads.insert(cell.spread);
    }
  }
  for (const auto& s : spreads) {
    notes.push_back(
        fmt::format("mean of {} where marked so; its ± has the error of the items and that "
                    "of the seeds",
                    s));
  }
  if (auto text = revisions_of(table, rows); !text.empty()) notes.push_back(std::move(text));
  size_t shown = 0;
  const auto failed = failures_of(table);
  for (const auto& text : failed) {
    if (++shown <= 5) notes.push_back(text);
  }
  if (failed.size() > 5) {
    notes.push_back(fmt::format("{} more failed rules: bench show TRIAL", failed.size() - 5));
  }
  return notes;
}

}  // namespace bench
