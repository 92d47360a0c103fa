#include "reports/published.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "base/csv.h"
#include "base/error.h"
#include "base/near.h"

namespace bench {

namespace {

using Record = std::map<std::string, std::string>;

std::vector<Record> read(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) fail("{}: cannot be opened; --published names the folder of published numbers", file);
  std::stringstream text;
  text << in.rdbuf();
  return read_csv(text.str(), file);
}

std::string field(const Record& r, const std::string& name, const std::string& file) {
  const auto it = r.find(name);
  if (it == r.end()) fail("{}: has no column '{}'", file, name);
  return it->second;
}

double number_of(const std::string& text, const std::string& file) {
  char* end = nullptr;
  const double v = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0') fail("{}: '{}' is no number", file, text);
  return v;
}

/// "7.26" -> 0.005, "6e2" -> 50.
double rounding_of(const std::string& printed) {
  const size_t e = printed.find_first_of("eE");
  const std::string mantissa = printed.substr(0, e);
  const size_t dot = mantissa.find('.');
  const double digits = dot == std::string::npos ? 0 : double(mantissa.size() - dot - 1);
  const double power = e == std::string::npos ? 0 : std::atof(printed.c_str() + e + 1);
  return 0.5 * std::pow(10.0, power - digits);
}

PublishedRow row_of(const Record& r, const std::string& file) {
  const auto text = [&](const char* name) { return field(r, name, file); };
  PublishedRow row{text("paper"),
                   text("table"),
                   text("model"),
                   text("method"),
                   text("pattern"),
                   text("sparsity"),
                   text("recovery"),
                   text("metric"),
                   text("dataset"),
                   text("value"),
                   text("source"),
                   0,
                   0};
  row.number = number_of(row.value, file);
  row.rounding = rounding_of(row.value);
  return row;
}

/// The one of `names` that is meant: equal, or beginning with it where the next sign is no digit.
std::string meant(const std::string& asked, const std::vector<std::string>& names,
                  const char* what) {
  const std::string key = name_key(asked);
  std::vector<std::string> longer;
  for (const auto& name : names) {
    const std::string other = name_key(name);
    if (other == key) return name;
    const bool begins = !key.empty() && other.rfind(key, 0) == 0;
    if (begins && std::isdigit(static_cast<unsigned char>(other[key.size()])) == 0)
      longer.push_back(name);
  }
  if (longer.size() == 1) return longer[0];
  if (longer.size() > 1)
    fail("there are several {}s '{}': {}", what, asked, fmt::join(longer, ", "));
  std::map<std::string, std::string> by_key;  // case and signs do not count here either
  std::vector<std::string> keys, near;
  for (const auto& name : names) {
    keys.push_back(name_key(name));
    by_key[keys.back()] = name;
  }
  for (const auto& one : nearest(key, keys)) near.push_back(by_key[one]);
  if (near.empty()) fail("there is no {} '{}'; known: {}", what, asked, fmt::join(names, ", "));
  fail("there is no {} '{}'; did you mean {}?", what, asked, fmt::join(near, ", "));
}

void add_new(std::vector<std::string>& list, const std::string& name) {
  if (std::find(list.begin(), list.end(), name) == list.end()) list.push_back(name);
}

std::vector<std::string> papers_of(const Published& all) {
  std::vector<std::string> papers;
  for (const auto& r : all.rows) add_new(papers, r.paper);
  return papers;
}

std::vector<std::string> tables_of(const Published& all, const std::string& paper) {
  std::vector<std::string> tables;
  for (const auto& r : all.rows) {
    if (r.paper == paper) add_new(tables, r.table);
  }
  return tables;
}

}  // namespace

std::string name_key(const std::string& name) {
  std::string key;
  for (const char c : name) {
    const auto sign = static_cast<unsigned char>(c);
    if (std::isalnum(sign) != 0 && sign < 0x80) key += static_cast<char>(std::tolower(sign));
  }
  return key;
}

std::string Published::ours(const std::string& kind, const std::string& printed) const {
  const auto it = names.find({kind, printed});
  return it == names.end() ? printed : it->second.front();
}

double Published::tolerance_of(const PublishedRow& row) const {
  const auto fits = [](const std::string& asked, const std::string& here) {
    return asked.empty() || name_key(asked) == name_key(here);
  };
  const std::string pattern =
      name_key(ours("method", row.method)) == "dense" ? "dense" : row.pattern;
  for (const auto& t : tolerances) {
    if (!fits(t.metric, ours("metric", row.metric)) || !fits(t.pattern, pattern)) continue;
    if (!fits(t.method, ours("method", row.method))) continue;
    return row.rounding + t.share * std::abs(row.number) + t.points;
  }
  return row.rounding;
}

Published read_published(const std::string& folder) {
  Published all;
  const std::string numbers = folder + "/paper_numbers.csv", names = folder + "/names.csv",
                    tolerances = folder + "/tolerances.csv";
  for (const auto& r : read(numbers)) all.rows.push_back(row_of(r, numbers));
  for (const auto& r : read(names)) {
    const auto printed = field(r, "published", names), ours = field(r, "ours", names);
    all.names[{field(r, "kind", names), printed}].push_back(ours);
    const auto path = field(r, "path", names);
    if (!path.empty()) all.paths[printed] = path;
  }
  for (const auto& r : read(tolerances)) {
    const auto value = [&](const char* name) {
      const auto text = field(r, name, tolerances);
      return text.empty() ? 0 : number_of(text, tolerances);
    };
    all.tolerances.push_back({field(r, "metric", tolerances), field(r, "pattern", tolerances),
                              field(r, "method", tolerances), value("share"), value("points"),
                              field(r, "why", tolerances)});
  }
  return all;
}

std::vector<const PublishedRow*> table_named(const Published& all, const std::string& name) {
  const size_t colon = name.find(':');
  const auto paper = meant(name.substr(0, colon), papers_of(all), "paper");
  if (colon == std::string::npos) {
    fail("which table of {}? its tables: {}", paper, fmt::join(tables_of(all, paper), ", "));
  }
  const auto table = meant(name.substr(colon + 1), tables_of(all, paper), "table");
  std::vector<const PublishedRow*> rows;
  for (const auto& r : all.rows) {
    if (r.paper == paper && r.table == table) rows.push_back(&r);
  }
  return rows;
}

std::string list_published(const Published& all, const std::string& paper) {
  const auto papers = papers_of(all);
  const auto chosen =
      paper.empty() ? papers : std::vector<std::string>{meant(paper, papers, "paper")};
  std::string out;
  for (const auto& one : chosen) {
    out += one + "\n";
    for (const auto& table : tables_of(all, one)) {
      const auto count = std::count_if(all.rows.begin(), all.rows.end(), [&](const auto& r) {
        return r.paper == one && r.table == table;
      });
      out += fmt::format("  {:<40}  {} number{}\n", table, count, count == 1 ? "" : "s");
    }
  }
  return out;
}

}  // namespace bench
