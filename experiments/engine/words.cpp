#include "engine/words.h"

#include <charconv>
#include <iostream>

#include "base/error.h"
#include "base/near.h"
#include "data/data.h"

namespace bench::engine {

Words::Words(const Arguments& words) : verb_(words.empty() ? "" : words.front()) {
  size_t i = 1;
  for (; i < words.size() && words[i].rfind("--", 0) == 0; ++i) {
    if (words[i] == "--") {
      ++i;
      break;
    }
    const auto equals = words[i].find('=');
    flags_[words[i].substr(0, equals)].push_back(
        equals == std::string::npos ? "" : words[i].substr(equals + 1));
  }
  arguments_.assign(words.begin() + static_cast<long>(std::min(i, words.size())), words.end());
}

std::string Words::get(const std::string& flag, const std::string& fallback) const {
  const auto it = flags_.find(flag);
  return it == flags_.end() ? fallback : it->second.back();
}

Arguments Words::all(const std::string& flag) const {
  const auto it = flags_.find(flag);
  return it == flags_.end() ? Arguments() : it->second;
}

int64_t Words::number(const std::string& flag, int64_t fallback, int64_t least) const {
  if (!has(flag)) return fallback;
  const auto text = get(flag);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least)
    fail("{}: {} '{}' is no whole number of at least {}", verb_, flag, text, least);
  return value;
}

LanguageModel language_model(const std::string& name, const std::string& dtype) {
  const auto path = resolve_model(name, model_folders());
  check_shipped(path);
  LanguageModel m;
  m.checkpoint = read_checkpoint(path);
  m.checkpoint.compute = compute_type_at(path, dtype);
  m.model = build_model(m.checkpoint);
  if (m.model->input() == Input::Images)
    fail("model '{}': is a model of images; a language model is needed", name);
  return m;
}

std::vector<Line> input_lines(std::istream& in) {
  std::vector<Line> lines;
  size_t number = 0;
  for (std::string text; std::getline(in, text);) {
    ++number;
    if (!text.empty() && text.back() == '\r') text.pop_back();
    if (!text.empty()) lines.push_back({number, std::move(text)});
  }
  return lines;
}

nlohmann::json object_of(const Line& line, const std::string& fields) {
  constexpr int kDeepest = 16;
  bool deep = false;
  auto object = nlohmann::json::parse(
      line.text,
      [&](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
        deep = deep || depth > kDeepest;
        return !deep;
      },
      false);
  if (deep) object = nlohmann::json(nlohmann::json::value_t::discarded);
  if (object.is_discarded())
    fail("standard input:{}: is no JSON; each line is an object such as {}", line.number, fields);
  if (!object.is_object())
    fail("standard input:{}: is no JSON object such as {}", line.number, fields);
  return object;
}

std::string text_of(const nlohmann::json& object, const std::string& field, const Line& line) {
  const auto it = object.find(field);
  if (it == object.end()) {
    std::vector<std::string> given;
    for (const auto& [key, value] : object.items()) given.push_back(key);
    const auto near = nearest(field, given, 1);
    fail("standard input:{}: the field \"{}\" is missing{}", line.number, field,
         near.empty() ? "" : fmt::format("; \"{}\" is there instead", near.front()));
  }
  if (!it->is_string()) fail("standard input:{}: the field \"{}\" is no text", line.number, field);
  return it->get<std::string>();
}

void print_json(const nlohmann::ordered_json& object) {
  std::cout << object.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace) << "\n";
  if (!std::cout)
    fail("standard output cannot be written; check the disk or the program that reads it");
}

}  // namespace bench::engine
