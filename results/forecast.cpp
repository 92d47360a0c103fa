#include "results/forecast.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "results/database.h"
#include "results/schema.h"

namespace bench {
namespace {

using Json = nlohmann::json;

/// What a trial is like, the closest likeness first.
std::vector<std::string> likenesses(const std::string& model, const std::string& method,
                                    const std::string& pattern, const std::string& identity) {
  const auto json = Json::parse(identity, nullptr, false);
  const auto it = json.is_object() ? json.find("tasks") : json.end();
  const auto tasks = json.is_object() && it != json.end() ? it->dump() : std::string();
  const auto base = Json{model, tasks}.dump(-1, ' ', false, Json::error_handler_t::replace);
  return {base + "\n" + method + "\n" + pattern, base + "\n" + method, base};
}

}  // namespace

Range expected_range(std::vector<double> values) {
  require(!values.empty(), "a range needs values");
  std::sort(values.begin(), values.end());
  const auto n = values.size();
  const double middle = (values[(n - 1) / 2] + values[n / 2]) / 2;
  // The next of n + 1 values drawn alike has every rank equally often.
  if (const size_t rank = (n + 1) / 10; rank > 0)
    return {values[rank - 1], middle, values[n - rank]};
  const double beside = 1 + 1 / static_cast<double>(n);
  return {values.front() / beside, middle, values.back() * beside};
}

History::History(const std::string& path, const std::string& device, const std::string& cpu) {
  sqlite::Connection db(path, SQLITE_OPEN_URI | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_READONLY);
  if (checked_version(db) != schema_version()) return;
  auto query = db.prepare(
      "SELECT t.model, t.method, t.pattern, t.identity, t.finished - t.started, "
      "(SELECT max(peak_rss) FROM phase AS p WHERE p.trial = t.number) FROM trial AS t "
      "WHERE t.state = 'done' AND t.started > 0 AND t.finished > t.started AND "
      "EXISTS (SELECT 1 FROM environment AS e WHERE e.trial = t.number AND e.name = 'device' AND "
      "e.value = ?1) AND EXISTS (SELECT 1 FROM environment AS e WHERE e.trial = t.number AND "
      "e.name = 'cpu' AND e.value = ?2)");
  query.with(device, cpu);
  while (query.step()) {
    ++trials_;
    for (const auto& like :
         likenesses(query.text(0), query.text(1), query.text(2), query.text(3))) {
      alike_[like].seconds.push_back(query.real(4));
      alike_[like].memory.push_back(static_cast<double>(query.integer(5)));
    }
  }
  const auto done = db.number("SELECT count(*) FROM trial WHERE state = 'done'");
  std::error_code ignored;
  const auto size = std::filesystem::file_size(path, ignored);
  if (done > 0 && !ignored)
    bytes_ = static_cast<double>(size) * static_cast<double>(trials_) / static_cast<double>(done);
}

std::optional<History::Cost> History::of(const TrialSpec& t) const {
  for (const auto& like : likenesses(t.model, t.method, t.pattern, t.identity))
    if (const auto it = alike_.find(like); it != alike_.end())
      return Cost{expected_range(it->second.seconds), expected_range(it->second.memory)};
  return {};
}

Forecast forecast(const std::vector<const TrialSpec*>& trials, const History& history) {
  Forecast all;
  for (const auto* t : trials) {
    const auto cost = history.of(*t);
    ++all.trials;
    if (!cost) {
      ++all.unknown;
      continue;
    }
    all.seconds.low += cost->seconds.low;
    all.seconds.middle += cost->seconds.middle;
    all.seconds.high += cost->seconds.high;
    all.longest = std::max(all.longest, cost->seconds.middle);
    all.memory = std::max(all.memory, cost->memory.high);
  }
  return all;
}

}  // namespace bench
