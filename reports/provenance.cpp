#include "reports/provenance.h"

#include <cmath>

#include "results/verdict.h"

namespace bench {

namespace {

using Json = nlohmann::ordered_json;

Json finite(double v) {
  if (std::isnan(v)) return nullptr;
  if (std::isinf(v)) return v > 0 ? "inf" : "-inf";
  return v;
}

/// A JSON text as JSON; what is none stays a string.
Json parsed(const std::string& text) {
  Json json = Json::parse(text, nullptr, false);
  return json.is_discarded() ? Json(text) : json;
}

Json pairs(const std::vector<std::pair<std::string, std::string>>& list) {
  Json json = Json::object();
  for (const auto& [name, value] : list) json[name] = value;
  return json;
}

Json metrics_of(const Outcome& outcome, bool whole) {
  Json list = Json::array();
  for (const auto& m : outcome.metrics) {
    Json row{{"task", m.task},           {"protocol", m.protocol},
             {"name", m.name},           {"n", m.n},
             {"value", finite(m.value)}, {"stderr", finite(m.stderr_)},
             {"unit", m.unit},           {"higher_is_better", m.higher_is_better}};
    if (whole) row["items_hash"] = m.items_hash;
    list.push_back(std::move(row));
  }
  return list;
}

}  // namespace

Json provenance(const Trial& t, const Outcome& outcome, bool whole) {
  Json json{{"id", t.id},
            {"number", t.number},
            {"state", t.state},
            {"error", t.error},
            {"model", t.model},
            {"method", t.method},
            {"pattern", t.pattern},
            {"sparsity", finite(t.sparsity)},
            {"attempts", t.attempts},
            {"worker", t.worker},
            {"submitted", t.submitted},
            {"started", t.started},
            {"finished", t.finished},
            {"revision", t.revision},
            {"code", parsed(t.code.empty() ? "{}" : t.code)}};
  if (!t.remark.empty()) json["remark"] = t.remark;
  if (!t.past.empty()) json["past"] = t.past;
  json["metrics"] = metrics_of(outcome, whole);
  if (!outcome.failed_tasks.empty()) json["failed_tasks"] = Json::array();
  for (const auto& f : outcome.failed_tasks)
    json["failed_tasks"].push_back({{"task", f.task}, {"why", f.why}});
  Json phases = Json::array(), sparsity = Json::array(), verdicts = Json::array();
  for (const auto& p : outcome.phases) {
    phases.push_back({{"phase", p.phase},
                      {"seconds", finite(p.seconds)},
                      {"peak_rss", p.peak_rss},
                      {"peak_allocated", p.peak_allocated},
                      {"peak_reserved", p.peak_reserved},
                      {"method", p.method}});
  }
  for (const auto& s : outcome.sparsity) {
    if (!whole && s.scope != "model") continue;
    sparsity.push_back({{"stage", s.stage},
                        {"scope", s.scope},
                        {"name", s.name},
                        {"total", s.total},
                        {"masked", s.masked},
                        {"zeros", s.zeros}});
  }
  for (const auto& v : outcome.verdicts) {
    Json row{{"rule", v.rule}, {"ok", v.ok}, {"detail", v.detail}};
    if (!v.ok) row["mark"] = only_warns(v) ? "LEAK" : "INVALID";
    verdicts.push_back(std::move(row));
  }
  json["phases"] = std::move(phases);
  json["sparsity_measured"] = std::move(sparsity);
  json["verdicts"] = std::move(verdicts);
  auto hashes = outcome.hashes;
  // One a tensor: for bench diff and why, not for a page.
  if (!whole)
    std::erase_if(hashes, [](const auto& h) { return h.first.find('/') != h.first.npos; });
  json["hashes"] = pairs(hashes);
  if (whole) {
    Json notes = Json::object();
    for (const auto& [name, value] : outcome.notes) notes[name] = parsed(value);
    json["notes"] = std::move(notes);
    json["identity"] = parsed(t.identity);
  }
  json["environment"] = pairs(outcome.environment);
  json["config"] = parsed(t.config);
  return json;
}

}  // namespace bench
