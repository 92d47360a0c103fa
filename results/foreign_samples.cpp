#include "results/foreign_samples.h"

#include <algorithm>
#include <fstream>

#include "base/digest.h"
#include "base/error.h"
#include "base/regular_file.h"

namespace bench::foreign {

Samples::Samples(const std::string& path) : path_(path) {
  require_regular(path);
  std::ifstream in(path, std::ios::binary);
  std::string line;
  for (int64_t number = 1; std::getline(in, line); ++number) {
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    const auto json = parse(line);
    const auto id = count_at(json, "doc_id");
    if (!id)
      fail(
          "{}:{}: is no sample of lm-eval (JSON with a doc_id); fetch the file again, or move "
          "it away to import the results alone",
          path, number);
    add(json, *id);
  }
  for (auto& [filter, rows] : by_filter_)
    std::stable_sort(rows.begin(), rows.end(),
                     [](const Row& a, const Row& b) { return a.id < b.id; });
}

void Samples::fill(MetricRow& row, const MetricKey& key, const std::string& known_hash) const {
  const auto it = by_filter_.find(key.filter);
  if (it == by_filter_.end()) return;
  const auto& rows = it->second;
  if (row.n > 0 && rows.size() != static_cast<size_t>(row.n))
    fail(
        "{}: holds {} of the {} documents of '{}'; fetch the file again, or move it away to "
        "import the results alone",
        path_, rows.size(), row.n, row.task);
  const auto hash = known_hash.empty() ? digest(rows) : known_hash;
  if (hash.empty()) return;  // scores of documents that nobody can name compare with nothing
  std::vector<float> items;
  for (const auto& r : rows) {
    auto score = r.scores.find(key.metric);
    // An export of this program: on another scale than the metric's.
    if (score == r.scores.end() && !known_hash.empty()) score = r.scores.find(key.metric + "_item");
    if (score == r.scores.end()) return;
    items.push_back(static_cast<float>(score->second));
  }
  row.n = static_cast<int64_t>(items.size());
  row.items = std::move(items);
  row.items_hash = hash;
}

void Samples::add(const Json& json, int64_t id) {
  Row row{id, "", {}};
  const auto filter = text_at(json, "filter");
  const auto doc = text_at(json, "doc_hash"), prompt = text_at(json, "prompt_hash"),
             target = text_at(json, "target_hash");
  if (!doc.empty() && !prompt.empty() && !target.empty()) row.digest = doc + prompt + target;
  const auto& metrics = at(json, "metrics");
  if (metrics.is_array())
    for (const auto& name : metrics)
      if (name.is_string())
        if (const auto value = number_of(at(json, name.get<std::string>())))
          row.scores[name.get<std::string>()] = *value;
  by_filter_[filter.empty() ? "none" : filter].push_back(std::move(row));
}

std::string Samples::digest(const std::vector<Row>& rows) {
  std::string all;
  for (const auto& r : rows) {
    if (r.digest.empty()) return "";
    all += fmt::format("{}:{}\n", r.id, r.digest);
  }
  return sha256_hex(all);
}

}  // namespace bench::foreign
