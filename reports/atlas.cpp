#include "reports/atlas.h"

#include <bit>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "base/base64.h"
#include "reports/overview.h"

namespace bench {

namespace {

void place_in(Atlas& atlas, std::map<std::string, size_t>& known, const std::string& layer) {
  if (known.try_emplace(layer, atlas.layers.size()).second) atlas.layers.push_back(layer);
}

void add_row(Atlas& atlas, std::map<std::string, size_t>& known, const Rows& rows,
             const std::string& method, size_t trial) {
  const auto outcome = rows.outcome(rows.trials[trial].id);
  Atlas::Row row{method, {}, {trial}, {}};
  std::map<std::string, double> zeros;
  for (const auto& s : outcome.sparsity) {
    if (s.scope != "tensor" || s.stage != "prune") continue;
    place_in(atlas, known, s.name);
    zeros[s.name] = s.total > 0 ? static_cast<double>(s.zeros) / static_cast<double>(s.total) : 0;
  }
  nlohmann::json samples;
  for (const auto& [name, value] : outcome.notes)
    if (name == "mask_sample") samples = nlohmann::json::parse(value, nullptr, false);
  for (const auto& layer : atlas.layers) {
    row.zeros.push_back(zeros.count(layer) > 0 ? zeros[layer] : kNone);
    const bool there = samples.is_object() && samples.contains(layer) && samples[layer].is_string();
    row.samples.push_back(
        there ? text::from_base64(samples[layer].get<std::string>(), "mask_sample of " + layer)
              : "");
  }
  atlas.rows.push_back(std::move(row));
}

int ones(const std::string& bits) {
  int count = 0;
  for (const char c : bits) count += std::popcount(static_cast<unsigned char>(c));
  return count;
}

std::string both(const std::string& a, const std::string& b) {
  std::string out(a.size(), '\0');
  for (size_t i = 0; i < a.size(); ++i) out[i] = static_cast<char>(a[i] & b[i]);
  return out;
}

}  // namespace

double Atlas::overlap(size_t a, size_t b, size_t layer) const {
  if (layer >= rows[a].samples.size() || layer >= rows[b].samples.size()) return kNone;
  const auto& x = rows[a].samples[layer];
  const auto& y = rows[b].samples[layer];
  if (x.empty() || x.size() != y.size()) return kNone;
  const int shared = ones(both(x, y)), either = ones(x) + ones(y) - shared;
  return either == 0 ? kNone : static_cast<double>(shared) / either;
}

double Atlas::overlap(size_t a, size_t b) const {
  double sum = 0;
  int count = 0;
  for (size_t l = 0; l < layers.size(); ++l)
    if (const double v = overlap(a, b, l); !std::isnan(v)) sum += v, ++count;
  return count == 0 ? kNone : sum / count;
}

std::vector<Atlas> atlases(const Rows& rows, const Report& report) {
  std::vector<Atlas> out;
  std::set<std::string> seen;
  for (const auto& table : report.tables) {
    if (table.foreign) continue;
    if (!seen.insert(table.model).second)
      continue;  // every table of ours of a model has its columns
    for (size_t c = 0; c < table.columns.size(); ++c) {
      const auto& column = table.columns[c];
      Atlas atlas{table.model, column.label, is_structured(column.pattern), {}, {}};
      std::map<std::string, size_t> known;
      for (const auto& line : table.lines) {
        const auto& trials = line.cells[c].trials;
        if (line.dense || trials.empty() || rows.trials[trials.front()].state != "done") continue;
        add_row(atlas, known, rows, line.method, trials.front());
      }
      // A later row may have brought layers that earlier ones lack.
      for (auto& row : atlas.rows) {
        row.zeros.resize(atlas.layers.size(), kNone);
        row.samples.resize(atlas.layers.size());
      }
      if (!atlas.layers.empty() && !atlas.rows.empty()) out.push_back(std::move(atlas));
    }
  }
  return out;
}

}  // namespace bench
