#include "reports/matching.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/near.h"
#include "reports/distinguish.h"
#include "reports/method_name.h"

namespace bench {

namespace {

using Json = nlohmann::ordered_json;

Json parsed(const std::string& text) {
  auto json = Json::parse(text, nullptr, false);
  return json.is_object() ? json : Json::object();
}

Json part(const Json& json, const char* name) {
  return json.contains(name) ? json[name] : Json();
}

/// What a trial is matched by.
struct Candidate {
  size_t trial;
  std::string name, criterion;  // of the method
  std::string key;              // everything that must be equal
  std::string data;             // calibration and propagation; empty: none is used
  std::string condition;
  int64_t seed;
  bool draws;  // its seed changes it; else one trial stands for all seeds
};

bool has_seed(const Json& part) {
  return part.is_object() && (part.contains("seed") || part.contains("base_seed"));
}

Candidate candidate(const Rows& rows, size_t i) {
  const Trial& t = rows.trials[i];
  const auto config = parsed(t.config);
  auto identity = parsed(t.identity);
  const bool measures = identity.contains("data_bytes");
  for (const char* method :
       {"criterion", "allocator", "update", "data", "data_bytes", "propagation"})
    identity.erase(method);
  const auto stages = stages_of(t);
  const auto criterion = part(config, "criterion");
  return {i,
          without_stages(t.method, stages),
          criterion.is_object() ? criterion.value("name", "") : "",
          t.model + "|" + identity.dump(),
          measures ? part(config, "data").dump() + part(config, "propagation").dump() : "",
          column_of(t).label + (stages.empty() ? "" : " +" + stages),
          config.value("seed", int64_t{0}),
          has_seed(criterion) || (measures && has_seed(part(config, "data")))};
}

std::vector<Candidate> candidates(const Rows& rows, const std::vector<std::string>& models) {
  std::vector<Candidate> all;
  for (size_t i = 0; i < rows.trials.size(); ++i) {
    const Trial& t = rows.trials[i];
    if (t.state != "done" || t.kind != "pruned") continue;
    if (!models.empty() && std::find(models.begin(), models.end(), t.model) == models.end())
      continue;
    all.push_back(candidate(rows, i));
  }
  return all;
}

std::vector<const Candidate*> named(const std::vector<Candidate>& all, const std::string& name) {
  std::vector<const Candidate*> found;
  std::set<std::string> known;
  for (const auto& c : all) {
    known.insert(c.name);
    if (c.name == name) found.push_back(&c);
  }
  for (const auto& c : all)
    if (found.empty() || given_name(found.front()->name) == name)
      if (c.name != name && given_name(c.name) == name) found.push_back(&c);
  if (!found.empty()) return found;
  for (const auto& c : all)
    if (c.criterion == name) found.push_back(&c);
  if (found.empty())
    fail("no finished trial is of the method '{}'{}", name,
         suggestion(name, {known.begin(), known.end()}));
  return found;
}

bool partners(const Candidate& a, const Candidate& b) {
  return a.key == b.key && (a.data.empty() || b.data.empty() || a.data == b.data) &&
         (a.seed == b.seed || !a.draws || !b.draws);
}

/// Several trials of one method fit one of the other.
[[noreturn]] void ambiguous(const Rows& rows, size_t one, size_t two, size_t other) {
  fail(
      "trials {} and {} both match {} of {}; they differ in settings of the method: name one of "
      "'{}' and '{}' ('bench diff {} {}' shows all)",
      rows.trials[one].id, rows.trials[two].id, rows.trials[other].id, rows.trials[other].method,
      rows.trials[one].method, rows.trials[two].method, rows.trials[one].id, rows.trials[two].id);
}

}  // namespace

Matched match(const Rows& rows, const std::string& a, const std::string& b,
              const std::vector<std::string>& models) {
  const auto all = candidates(rows, models);
  const auto of_a = named(all, a), of_b = named(all, b);
  if (a == b || of_a.front() == of_b.front())
    fail("'{}' and '{}' are the same method: nothing to compare", a, b);
  std::multimap<std::string, const Candidate*> by_key;
  for (const auto* c : of_b) by_key.emplace(c->key, c);
  std::map<std::pair<size_t, int64_t>, size_t> partner;  // of a trial of b under a seed
  std::set<size_t> met;
  Matched out;
  for (const auto* x : of_a) {
    std::map<int64_t, size_t> found;
    const auto [begin, end] = by_key.equal_range(x->key);
    for (auto it = begin; it != end; ++it) {
      const auto* y = it->second;
      if (!partners(*x, *y)) continue;
      const auto seed = x->draws ? x->seed : y->seed;
      if (const auto [other, first] = found.emplace(seed, y->trial); !first)
        ambiguous(rows, other->second, y->trial, x->trial);
      if (const auto [other, first] = partner.emplace(std::pair(y->trial, seed), x->trial); !first)
        ambiguous(rows, other->second, x->trial, y->trial);
      met.insert(y->trial);
      out.pairs.push_back({x->trial, y->trial, x->condition, seed});
    }
    out.alone_a += found.empty();
  }
  out.alone_b = static_cast<int64_t>(of_b.size() - met.size());
  return out;
}

}  // namespace bench
