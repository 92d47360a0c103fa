#pragma once
#include <map>
#include <string>
#include <vector>

namespace bench {

/// A number that a paper prints; texts as printed (results/published/README.md).
struct PublishedRow {
  std::string paper, table, model, method, pattern, sparsity, recovery, metric, dataset, value,
      source;
  double number = 0;
  double rounding = 0;  // half a unit of the last digit that is printed
};

/// How far a reproduced number may be off: the first that fits a row counts.
struct Tolerance {
  std::string metric, pattern, method;  // empty: any; pattern "dense": the dense rows
  double share = 0, points = 0;         // of the printed value, or points of a percentage
  std::string why;
};

struct Published {
  std::vector<PublishedRow> rows;
  /// kind, printed name -> ours; several where a paper has several protocols.
  std::map<std::pair<std::string, std::string>, std::vector<std::string>> names;
  std::map<std::string, std::string> paths;  // of a model: where its weights are
  std::vector<Tolerance> tolerances;

  /// Our first name for it, or the printed one.
  std::string ours(const std::string& kind, const std::string& printed) const;
  /// In the unit of the row.
  double tolerance_of(const PublishedRow& row) const;
};

/// paper_numbers.csv, names.csv and tolerances.csv of a folder; a broken one is an Error with file
/// and line.
Published read_published(const std::string& folder);

/// The rows of "PAPER:TABLE"; letters' case, blanks and signs do not count, and a beginning that is
/// one table's only will do. Another one is an Error with the near ones.
std::vector<const PublishedRow*> table_named(const Published& all, const std::string& name);

/// Papers and their tables, with how many numbers each prints; of one paper where it is named.
std::string list_published(const Published& all, const std::string& paper);

/// Lower-case letters and digits: what names are compared by.
std::string name_key(const std::string& name);

}  // namespace bench
