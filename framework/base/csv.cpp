#include "base/csv.h"

#include "base/error.h"

namespace bench {
namespace {

struct Reader {
  const std::string& text;
  const std::string& file;
  size_t at = 0, line = 1;

  /// The fields up to the end of the record.
  std::vector<std::string> record() {
    std::vector<std::string> fields(1);
    bool quoted = false;
    const size_t from = line;
    for (; at < text.size(); ++at) {
      const char c = text[at];
      line += c == '\n';
      if (quoted && c == '"' && at + 1 < text.size() && text[at + 1] == '"') {
        fields.back() += text[++at];
      } else if (c == '"') {
        quoted = !quoted;
      } else if (quoted) {
        fields.back() += c;
      } else if (c == ',') {
        fields.emplace_back();
      } else if (c == '\n') {
        ++at;
        return fields;
      } else if (c != '\r') {
        fields.back() += c;
      }
    }
    if (quoted) fail("{}:{}: a quote is opened and never closed", file, from);
    return fields;
  }
};

}  // namespace

std::vector<std::map<std::string, std::string>> read_csv(const std::string& text,
                                                         const std::string& file) {
  Reader reader{text, file};
  std::vector<std::map<std::string, std::string>> rows;
  const auto names = reader.record();
  while (reader.at < text.size()) {
    const size_t line = reader.line;
    const auto fields = reader.record();
    if (fields.size() == 1 && fields[0].empty()) continue;
    if (fields.size() != names.size())
      fail("{}:{}: has {} fields, the first line {}", file, line, fields.size(), names.size());
    auto& row = rows.emplace_back();
    for (size_t i = 0; i < names.size(); ++i) row[names[i]] = fields[i];
  }
  return rows;
}

}  // namespace bench
