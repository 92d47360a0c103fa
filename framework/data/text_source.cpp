#include "data/text_source.h"

#include "base/error.h"
#include "base/utf8.h"
#include "data/data.h"
#include "jinja/json_value.h"

namespace bench {
namespace {

std::vector<std::string> wikitext_rows(const std::string& text) {
  std::vector<std::string> rows;
  for (size_t at = 0; at < text.size();) {
    const auto end = text.find('\n', at);
    auto row = text.substr(at, end == std::string::npos ? end : end - at + 1);
    rows.push_back(row == " \n" ? "" : std::move(row));
    if (end == std::string::npos) break;
    at = end + 1;
  }
  return rows;
}

std::string stripped(const std::string& text) {
  const auto begin = text.find_first_not_of(" \t\r\n\f\v");
  if (begin == std::string::npos) return "";
  return text.substr(begin, text.find_last_not_of(" \t\r\n\f\v") - begin + 1);
}

std::vector<std::string> stories(const std::string& text) {
  static const std::string kEnd = "<|endoftext|>";
  std::vector<std::string> all;
  for (size_t at = 0; at <= text.size();) {
    const auto end = std::min(text.find(kEnd, at), text.size());
    auto piece = stripped(text.substr(at, end - at));
    if (!piece.empty()) all.push_back(std::move(piece));
    at = end + kEnd.size();
  }
  return all;
}

std::vector<std::string> json_lines(const std::string& file, std::string text) {
  std::vector<std::string> all;
  if (text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);  // a mark, no part of the first line
  size_t line = 0;
  for (size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    ++line;
    const auto row = text.substr(at, end - at);
    at = end + 1;
    if (stripped(row).empty()) continue;
    const auto json = value_of_json(row, fmt::format("{}:{}", file, line));
    const auto* field = json.find("text");
    if (!field || !field->is_string())
      fail("{}:{}: is no JSON object with a field 'text'", file, line);
    all.push_back(field->string());
  }
  return all;
}

}  // namespace

std::string read_utf8(const std::filesystem::path& file) {
  auto text = read_file(file);
  check_utf8(file, text);
  return text;
}

void check_utf8(const std::filesystem::path& file, const std::string& text) {
  if (const auto bad = text::invalid_utf8(text); bad != std::string::npos)
    fail("{}: is not valid UTF-8 at byte {}; convert it to UTF-8", file.string(), bad);
}

std::string guess_format(const std::string& file) {
  if (file.ends_with(".jsonl")) return "jsonl";
  if (file.ends_with(".raw")) return "wikitext";
  return read_file(data_file(file)).find("<|endoftext|>") != std::string::npos ? "stories"
                                                                               : "plain";
}

std::vector<std::string> read_documents(const std::string& name, const std::string& format) {
  const auto file = data_file(name);
  const auto text = read_utf8(file);
  const auto kind = format == "auto" ? guess_format(name) : format;
  if (kind == "wikitext") return wikitext_rows(text);
  if (kind == "stories") return stories(text);
  if (kind == "jsonl") return json_lines(file.string(), text);
  if (kind == "plain") return {text};
  fail("text format '{}' is not known; known: auto, wikitext, stories, jsonl, plain", format);
}

std::string join(const std::vector<std::string>& parts, const std::string& between) {
  std::string all;
  for (size_t i = 0; i < parts.size(); ++i) all += (i ? between : "") + parts[i];
  return all;
}

}  // namespace bench
