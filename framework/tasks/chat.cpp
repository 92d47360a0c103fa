#include "tasks/chat.h"

#include <filesystem>

#include "base/error.h"
#include "data/data.h"
#include "jinja/json_value.h"
#include "jinja/python_string.h"

namespace bench {
namespace {

namespace fs = std::filesystem;

bool blank_behind(const std::string& s) {
  return text::rstrip(s).size() != s.size();
}
bool blank_before(const std::string& s) {
  return text::lstrip(s).size() != s.size();
}

/// "<s>", or {"content": "<s>"}.
void add_token(Value& tokens, const std::string& name, const Value& written) {
  const auto* content = written.is_map() ? written.find("content") : &written;
  if (content && content->is_string()) tokens.set(name, *content);
}

/// A text, or a list of them by name, of which "default" counts.
std::string template_in(const Value& config, const std::string& file) {
  const auto* written = config.find("chat_template");
  if (written && written->is_string()) return written->string();
  if (written && written->is_list())
    for (const auto& one : written->list()) {
      const auto *name = one.find("name"), *text = one.find("template");
      if (name && text && name->is_string() && text->is_string() && name->string() == "default")
        return text->string();
    }
  fail("{}: has no chat_template; name a .jinja file, or a model whose tokenizer has one", file);
}

}  // namespace

std::string as_text(const std::vector<Message>& messages) {
  std::string all;
  for (const auto& m : messages) all += m.content + m.delimiter;
  return all;
}

std::vector<Message> in_one_turn(std::vector<Message> messages) {
  std::vector<Message> all;
  if (!messages.empty() && messages.front().role == "system") {
    all.push_back(messages.front());
    messages.erase(messages.begin());
  }
  const bool begun = !messages.empty() && messages.back().role == "assistant";
  const auto answer = begun ? messages.back() : Message{};
  if (begun) messages.pop_back();
  if (!messages.empty()) messages.back().delimiter.clear();
  all.push_back({"user", as_text(messages)});
  if (begun) all.push_back({"assistant", answer.content});
  return all;
}

bool needs_delimiter(const std::string& first, const std::string& second) {
  return !first.empty() && !blank_behind(first) && !blank_before(second);
}

std::string delimited(const std::string& first, const std::string& second,
                      const std::string& delimiter) {
  if (first.empty() || second.empty()) return first + second;
  return needs_delimiter(first, second) ? first + delimiter + second : first + second;
}

ChatTemplate::ChatTemplate(const std::string& path) {
  fs::path at = fs::is_directory(path) ? fs::path(path) : fs::path(data_file(path));
  if (fs::is_directory(at))
    at = fs::exists(at / "chat_template.jinja") ? at / "chat_template.jinja"
                                                : at / "tokenizer_config.json";
  if (!fs::exists(at))
    fail("{}: holds neither a chat_template.jinja nor a tokenizer_config.json", path);
  const bool alone = at.extension() != ".json";
  const auto config_file = alone ? at.parent_path() / "tokenizer_config.json" : at;
  Value config{Value::Map{}};
  if (alone) files_.push_back(at.string());
  if (fs::exists(config_file)) {
    config = value_of_json(read_file(config_file), config_file.string());
    files_.push_back(config_file.string());
  }
  if (config.is_map())
    for (const auto& e : config.map())
      if (e.key.ends_with("_token")) add_token(tokens_, e.key, e.value);
  const auto source = alone ? read_file(at) : template_in(config, at.string());
  template_ = std::make_shared<const text::Template>(source, at.string() + ": chat_template",
                                                     text::Template::Style::Chat);
}

std::string ChatTemplate::rendered(const std::vector<Message>& messages, bool opened) const {
  Value document = tokens_;
  Value::List all;
  for (const auto& m : messages)
    all.emplace_back(Value::Map{{"role", Value(m.role)}, {"content", Value(m.content)}});
  document.set("messages", Value(std::move(all)));
  document.set("add_generation_prompt", Value(opened));
  auto out = template_->render(document);
  if (opened || messages.empty()) return out;
  // The last turn goes on: what the template puts behind it is cut off (transformers,
  // continue_final_message).
  const auto& last = messages.back().content;
  const auto bare = text::strip(last), left = text::lstrip(last);
  const auto found = out.rfind(bare);
  if (found == std::string::npos)
    fail(
        "the chat template changes the text of an answer that is begun, so it cannot be continued");
  const bool kept = out.compare(found, left.size(), last) == 0;
  out.resize(found + (kept ? left.size() : bare.size()));
  return out;
}

std::string ChatTemplate::render(const std::vector<Message>& messages, bool opened) const {
  try {
    return rendered(messages, opened);
  } catch (const Error&) {
    auto others = messages;
    std::erase_if(others, [](const Message& m) { return m.role == "system"; });
    if (others.size() == messages.size()) throw;
    return rendered(others, opened);
  }
}

}  // namespace bench
