#include "reports/difference.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "reports/escape.h"
#include "reports/render.h"

namespace bench {
namespace {

using Json = nlohmann::json;
using Pairs = std::vector<std::pair<std::string, std::string>>;

std::string text_of(const Json& value) {
  const auto* text = value.get_ptr<const std::string*>();
  return text && !text->empty() ? *text
                                : value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// Leaves of a tree as dotted keys; lists count as leaves, empty maps as nothing.
void flatten(const Json& node, const std::string& path, std::map<std::string, std::string>& out) {
  if (!node.is_object()) {
    out[path] = text_of(node);
    return;
  }
  for (const auto& [key, child] : node.items())
    flatten(child, path.empty() ? key : path + "." + key, out);
}

std::map<std::string, std::string> flat(const std::string& json) {
  std::map<std::string, std::string> out;
  const auto tree = Json::parse(json, nullptr, false);
  if (tree.is_object()) flatten(tree, "", out);
  return out;
}

std::vector<Differing> unequal(const std::map<std::string, std::string>& a,
                               const std::map<std::string, std::string>& b) {
  std::vector<Differing> out;
  const auto at = [](const auto& map, const std::string& key) {
    const auto it = map.find(key);
    return it == map.end() ? std::string() : it->second;
  };
  auto all = a;
  all.insert(b.begin(), b.end());
  for (const auto& [key, value] : all)
    if (a.count(key) != b.count(key) || at(a, key) != at(b, key))
      out.push_back({key, at(a, key), at(b, key)});
  return out;
}

std::vector<Differing> unequal(const Pairs& a, const Pairs& b) {
  return unequal(std::map<std::string, std::string>(a.begin(), a.end()),
                 std::map<std::string, std::string>(b.begin(), b.end()));
}

/// Under what name the identity holds what a key of the configuration says.
std::string identity_name(const std::string& key) {
  if (key == "model.tokenizer") return "tokenizer";
  return key.rfind("task.", 0) == 0 ? "tasks" + key.substr(4) : key;
}

/// The part of the identity that such a name belongs to: a task, or the first word.
std::string part_of(const std::string& name) {
  auto end = name.find('.');
  if (end != std::string::npos && name.rfind("tasks.", 0) == 0) end = name.find('.', end + 1);
  return name.substr(0, end);
}

/// Keys of the configuration count where the identity differs in what they decide. How trials are
/// run, where a model lies, and protocols (a task holds its own) are no part of it.
void add_config(TrialDifference& out, const Trial& a, const Trial& b) {
  const auto identity = unequal(flat(a.identity), flat(b.identity));
  std::set<std::string> parts;
  for (const auto& i : identity) parts.insert(part_of(i.name));
  const auto config_a = flat(a.config), config_b = flat(b.config);
  for (const auto& d : unequal(config_a, config_b)) {
    const bool counts = d.name != "model.path" && parts.count(part_of(identity_name(d.name)));
    (counts ? out.settings : out.inert).push_back(d);
  }
  std::set<std::string> known;
  for (const auto& config : {config_a, config_b})
    for (const auto& [key, value] : config) known.insert(identity_name(key));
  for (const auto& i : identity)
    if (!known.count(i.name)) out.files.push_back(i);
}

std::string share(const SparsityRow& s) {
  return fmt::format("{} of {}", s.zeros, s.total);
}

void add_sparsity(TrialDifference& out, const Outcome& a, const Outcome& b) {
  Pairs of_a, of_b;
  for (const auto& [from, to] : {std::pair(&a, &of_a), std::pair(&b, &of_b)})
    for (const auto& s : from->sparsity)
      to->emplace_back(s.stage + " " + s.scope + " " + s.name, share(s));
  out.sparsity = unequal(of_a, of_b);
}

void compare_items(MetricDifference& m, const MetricRow& a, const MetricRow& b) {
  if (a.items_hash != b.items_hash || a.items.size() != b.items.size()) return;
  m.items = static_cast<int64_t>(a.items.size());
  m.hits = true;
  for (size_t i = 0; i < a.items.size(); ++i) {
    const float x = a.items[i], y = b.items[i];
    for (const float v : {x, y}) m.hits = m.hits && (v == 0.0f || v == 1.0f);
    if (std::memcmp(&x, &y, sizeof x) == 0) continue;
    ++m.differing;
    if (y > x) ++m.gained;
    if (m.first < 0) m.first = static_cast<int64_t>(i), m.first_a = x, m.first_b = y;
    const double by = std::abs(double(x) - double(y));
    if (m.largest < 0 || !(by <= m.by)) m.largest = static_cast<int64_t>(i), m.by = by;
  }
}

void add_metrics(TrialDifference& out, const Outcome& a, const Outcome& b) {
  const auto same = [](const MetricRow& x, const MetricRow& y) {
    return x.task == y.task && x.protocol == y.protocol && x.name == y.name;
  };
  for (const auto& m : a.metrics) {
    MetricDifference d{m.task, m.protocol, m.name, m.value};
    const auto it = std::find_if(b.metrics.begin(), b.metrics.end(),
                                 [&](const MetricRow& other) { return same(m, other); });
    if (it != b.metrics.end()) {
      d.b = it->value;
      compare_items(d, m, *it);
    }
    out.metrics.push_back(d);
  }
  for (const auto& m : b.metrics)
    if (std::none_of(a.metrics.begin(), a.metrics.end(),
                     [&](const MetricRow& other) { return same(m, other); }))
      out.metrics.push_back({m.task, m.protocol, m.name, kNone, m.value});
}

std::string shortened(const std::string& text, size_t most) {
  if (text.empty()) return "none";
  auto shown = printable(text);
  if (shown.size() <= most) return shown;
  shown.resize(most - 3);
  while (!shown.empty() && (shown.back() & 0x80)) shown.pop_back();  // no half character
  return shown + "...";
}

}  // namespace

bool TrialDifference::same_metrics() const {
  return std::all_of(metrics.begin(), metrics.end(), [](const MetricDifference& m) {
    return m.a == m.b && (m.items <= 0 || m.differing == 0);
  });
}

TrialDifference difference(const Trial& a, const Outcome& of_a, const Trial& b,
                           const Outcome& of_b) {
  TrialDifference out;
  add_config(out, a, b);
  out.environment = unequal(of_a.environment, of_b.environment);
  out.hashes = unequal(of_a.hashes, of_b.hashes);
  add_sparsity(out, of_a, of_b);
  add_metrics(out, of_a, of_b);
  return out;
}

std::string both(const Differing& d, size_t most) {
  return shortened(d.a, most) + " | " + shortened(d.b, most);
}

std::string items_text(const MetricDifference& m) {
  if (m.items < 0) return "other items: not comparable one by one";
  if (m.items == 0) return "";
  if (m.differing == 0) return fmt::format("the same on all {} items", m.items);
  if (m.hits)
    return fmt::format("{} of {} items flipped ({} gained, {} lost), the first is item {}: {} | {}",
                       m.differing, m.items, m.gained, m.differing - m.gained, m.first, m.first_a,
                       m.first_b);
  return fmt::format("{} of {} items differ, the first is item {}: {} | {}; most at item {}, by {}",
                     m.differing, m.items, m.first, m.first_a, m.first_b, m.largest, number(m.by));
}

}  // namespace bench
