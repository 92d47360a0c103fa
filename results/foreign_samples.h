#pragma once
#include <map>
#include <string>
#include <vector>

#include "results/foreign_json.h"
#include "results/result.h"

namespace bench::foreign {

/// "acc,none": its metric "acc" and its filter "none".
struct MetricKey {
  std::string metric, filter;
  /// As the metrics of this program are called: the filter "none" is left out.
  std::string name() const { return filter == "none" ? metric : metric + "," + filter; }
  std::string error() const { return metric + "_stderr," + filter; }
};

/// The scores of samples_TASK_DATE.jsonl, by filter and in the order of their documents.
class Samples {
 public:
  /// A line that is no sample is an Error with its number.
  explicit Samples(const std::string& path);

  /// Puts the scores of a metric into its row: all or, where the samples have none of it or do not
  /// say of which documents they are, none. `known_hash`: the digest of the item list where the
  /// results say it; else that of documents, prompts and targets. An Error where the row is of
  /// another number of documents.
  void fill(MetricRow& row, const MetricKey& key, const std::string& known_hash) const;

 private:
  struct Row {
    int64_t id;
    std::string digest;  // of document, prompt and target; empty where one is not said
    std::map<std::string, double> scores;
  };
  void add(const Json& json, int64_t id);
  static std::string digest(const std::vector<Row>& rows);

  std::string path_;
  std::map<std::string, std::vector<Row>> by_filter_;
};

}  // namespace bench::foreign
