#include "data/text_source.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "data/data.h"

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

std::vector<std::string> json_lines(const std::string& file, const std::string& text) {
  std::vector<std::string> all;
  size_t line = 0;
  for (size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    ++line;
    const auto row = text.substr(at, end - at);
    at = end + 1;
    if (stripped(row).empty()) continue;
    const auto json = nlohmann::json::parse(row, nullptr, false);
    if (!json.is_object() || !json.contains("text") || !json["text"].is_string())
      fail("{}:{}: is no JSON object with a field 'text'", file, line);
    all.push_back(json["text"].get<std::string>());
  }
  return all;
}

}  // namespace

std::string guess_format(const std::string& file) {
  if (file.ends_with(".jsonl")) return "jsonl";
  if (file.ends_with(".raw")) return "wikitext";
  return read_file(data_file(file)).find("<|endoftext|>") != std::string::npos ? "stories"
                                                                               : "plain";
}

std::vector<std::string> read_documents(const std::string& name, const std::string& format) {
  const auto file = data_file(name);
  const auto text = read_file(file);
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
