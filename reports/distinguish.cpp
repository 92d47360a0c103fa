#include "reports/distinguish.h"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

namespace bench {

namespace {

using Json = nlohmann::json;
using Leaves = std::map<std::string, std::string>;  // dotted key -> value as text

constexpr const char* kMark = " @";     // before the beginning of a digest
constexpr const char* kDetail = " · ";  // before the keys of a setting

/// As few digits of each digest as tell all of them apart, four at least.
size_t digits_of(const std::set<std::string>& digests) {
  for (size_t count = 4; count < 64; ++count) {
    std::set<std::string> beginnings;
    for (const auto& d : digests) beginnings.insert(d.substr(0, count));
    if (beginnings.size() == digests.size()) return count;
  }
  return 64;
}

/// In another compute type a model is another model: its numbers are compared with its own dense
/// ones, and stand in tables of their own.
void name_compute_types(Rows& rows) {
  for (auto& t : rows.trials) {
    if (t.settings.find("\"dtype\"") == std::string::npos) continue;  // spares the parsing
    const auto settings = Json::parse(t.settings, nullptr, false);
    const auto it = settings.is_object() ? settings.find("dtype") : settings.end();
    if (it != settings.end() && it->is_string()) t.model += kDetail + it->get<std::string>();
  }
}

void name_models(Rows& rows) {
  std::map<std::string, std::set<std::string>> weights;
  // Which weights a foreign row is of only its name says: it is of the model of that name where
  // there is one.
  for (const auto& t : rows.trials)
    if (t.kind != "foreign" || !t.weights.empty()) weights[t.model].insert(t.weights);
  for (auto& t : rows.trials) {
    const auto& all = weights[t.model];
    if (all.size() < 2) continue;
    t.model += t.weights.empty() ? std::string(" (weights not known)")
                                 : kMark + t.weights.substr(0, digits_of(all));
  }
}

void name_tasks(Rows& rows) {
  std::map<std::string, const Trial*> by_id;
  for (const auto& t : rows.trials) by_id[t.id] = &t;
  using Key = std::tuple<std::string, std::string, std::string, std::string>;
  const auto key_of = [&](const Store::MetricOf& m) {
    const auto it = by_id.find(m.trial);
    return Key{it == by_id.end() ? "" : it->second->model, m.metric.task, m.metric.protocol,
               m.metric.name};
  };
  std::map<Key, std::set<std::string>> items;
  for (const auto& m : rows.metrics)
    if (!m.metric.items_hash.empty()) items[key_of(m)].insert(m.metric.items_hash);
  for (auto& m : rows.metrics) {
    const auto it = items.find(key_of(m));
    if (it == items.end() || it->second.size() < 2 || m.metric.items_hash.empty()) continue;
    m.metric.task += kMark + m.metric.items_hash.substr(0, digits_of(it->second));
  }
}

std::string text_of(const Json& value) {
  return value.is_string() ? value.get<std::string>()
                           : value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void add_leaves(const Json& node, const std::string& place, Leaves& leaves) {
  if (!node.is_structured() || node.empty()) {
    leaves[place] = text_of(node);
    return;
  }
  for (const auto& [key, child] : node.items())
    add_leaves(child, place.empty() ? key : place + "." + key, leaves);
}

Leaves leaves_of(const std::string& json) {
  Leaves leaves;
  const auto parsed = Json::parse(json, nullptr, false);
  if (parsed.is_object() && !parsed.empty()) add_leaves(parsed, "", leaves);
  return leaves;
}

/// "data.nsamples" -> "data.": the part of a setting that a key belongs to.
std::string part_of(const std::string& key) {
  return key.substr(0, key.rfind('.') + 1);
}

std::string last_of(const std::string& key) {
  return key.substr(key.rfind('.') + 1);
}

/// Keys in which settings differ. Of a plugin that goes by several names its other keys count only
/// among those of one name: what one has and another has not says nothing.
std::set<std::string> differing(const std::map<std::string, Leaves>& settings) {
  std::map<std::string, std::map<std::string, std::set<std::string>>>
      seen;  // key -> group -> values
  std::set<std::string> keys, different;
  for (const auto& [text, leaves] : settings)
    for (const auto& [key, value] : leaves) keys.insert(key);
  for (const auto& key : keys)
    for (const auto& [text, leaves] : settings) {
      const auto plugin = leaves.find(part_of(key) + "name");
      const auto value = leaves.find(key);
      const bool named = plugin != leaves.end() && last_of(key) != "name";
      seen[key][named ? plugin->second : ""].insert(value == leaves.end() ? "\x01" : value->second);
    }
  for (const auto& [key, groups] : seen)
    for (const auto& [group, values] : groups)
      if (values.size() > 1) different.insert(key);
  return different;
}

/// As short as tells the keys apart: "nsamples"; "data.seed" beside "criterion.seed"; a plugin's
/// name goes by its part: "criterion".
std::string short_key(const std::string& key, const std::set<std::string>& keys) {
  if (last_of(key) == "name" && !part_of(key).empty())
    return part_of(key).substr(0, key.size() - 5);
  for (const auto& other : keys)
    if (other != key && last_of(other) == last_of(key)) return key;
  return last_of(key);
}

bool is_digest(const std::string& value) {
  return value.size() == 64 && value.find_first_not_of("0123456789abcdef") == value.npos;
}

/// What the whole configuration says where the identity leaves a default out.
std::string default_of(const Json& config, const std::string& key) {
  const Json* at = &config;
  for (size_t begin = 0; begin <= key.size();) {
    const auto end = std::min(key.find('.', begin), key.size());
    const auto word = key.substr(begin, end - begin);
    if (!at->is_object() || !at->contains(word)) return "";
    at = &at->at(word);
    begin = end + 1;
  }
  return at->is_structured() || at->is_null() ? "" : text_of(*at);
}

/// The keys that tell one setting from its siblings, with their values.
std::string detail_of(const Trial& trial, const Leaves& leaves, const std::set<std::string>& keys) {
  const auto config = Json::parse(trial.config, nullptr, false);
  std::string detail;
  for (const auto& key : keys) {
    const auto it = leaves.find(key);
    auto value = it != leaves.end() ? it->second : default_of(config, key);
    if (value.empty()) continue;
    auto name = short_key(key, keys);
    if (is_digest(value)) {
      value = "@" + value.substr(0, 4);
      if (name == "data_bytes") name = "data";
    }
    detail += (detail.empty() ? "" : ", ") + name + " " + value;
  }
  return detail;
}

/// The trials of one model and label.
void name_settings(Rows& rows, const std::vector<size_t>& trials) {
  std::map<std::string, Leaves> settings;
  for (const size_t i : trials)
    settings.try_emplace(rows.trials[i].settings, leaves_of(rows.trials[i].settings));
  if (settings.size() < 2) return;
  auto keys = differing(settings);
  // Bytes of one file: its name says more, where that differs, too.
  if (keys.count("data.file") > 0) keys.erase("data_bytes");
  std::map<std::string, std::string> details;              // of a setting
  std::map<std::string, std::set<std::string>> by_detail;  // several settings of one: numbered
  for (const size_t i : trials) {
    const auto& t = rows.trials[i];
    const auto [it, first] = details.try_emplace(t.settings);
    if (first) it->second = detail_of(t, settings.at(t.settings), keys);
    by_detail[it->second].insert(t.settings);
  }
  for (const size_t i : trials) {
    auto& t = rows.trials[i];
    const auto& detail = details.at(t.settings);
    const auto& same = by_detail.at(detail);
    if (!detail.empty()) t.method += kDetail + detail;
    if (same.size() > 1)
      t.method += fmt::format(" ({})", std::distance(same.begin(), same.find(t.settings)) + 1);
  }
}

/// Of several settings of a dense model (its tokenizer, its device) the one with the fewest keys is
/// the baseline; the others have names of their own.
void name_baseline(Rows& rows, const std::vector<size_t>& trials) {
  const auto less = [](const std::string& a, const std::string& b) {
    return a.size() != b.size() ? a.size() < b.size() : a < b;
  };
  std::string plain = rows.trials[trials.front()].settings;
  for (const size_t i : trials) plain = std::min(plain, rows.trials[i].settings, less);
  name_settings(rows, trials);
  for (const size_t i : trials)
    if (rows.trials[i].settings == plain) rows.trials[i].method = "dense";
}

void name_methods(Rows& rows) {
  using Key = std::tuple<bool, std::string, std::string>;  // foreign, model, method
  std::map<Key, std::vector<size_t>> groups;
  std::map<std::string, std::vector<size_t>> dense;  // by model
  for (size_t i = 0; i < rows.trials.size(); ++i) {
    auto& t = rows.trials[i];
    if (t.kind == "dense") {
      t.method = "dense";  // whatever it was called
      dense[t.model].push_back(i);
      continue;
    }
    // Another program's dense model is the baseline of that program's numbers, which share no table
    // with ours; its settings are none of ours either.
    const bool foreign = t.kind == "foreign";
    if (t.method == "dense" && !foreign)
      t.method = "dense (" + t.kind + ")";  // a label, not the baseline
    groups[{foreign, t.model, t.method}].push_back(i);
  }
  for (const auto& [key, trials] : groups) name_settings(rows, trials);
  for (const auto& [model, trials] : dense) name_baseline(rows, trials);
}

}  // namespace

void distinguish(Rows& rows) {
  for (size_t i = 0; i < std::min(rows.given.size(), rows.trials.size()); ++i)
    std::tie(rows.trials[i].model, rows.trials[i].method) = rows.given[i];
  for (auto& m : rows.metrics) m.metric.task = given_name(m.metric.task);
  rows.given.clear();
  for (const auto& t : rows.trials) rows.given.push_back({t.model, t.method});
  name_compute_types(rows);
  name_models(rows);
  name_tasks(rows);
  name_methods(rows);
}

std::string given_name(const std::string& name) {
  return name.substr(0, std::min(name.find(kMark), name.find(kDetail)));
}

}  // namespace bench
