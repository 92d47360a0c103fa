// What a shell's completion asks: verbs and flags from the table of verbs, the rest from configs.
#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/near.h"
#include "config/completion.h"
#include "front/verbs.h"

namespace bench::front {

namespace {

using Words = std::vector<std::string>;

/// The words of a line up to the point; quotes keep blanks. The last one is being typed.
Words split_line(const std::string& line) {
  Words words(1);
  char quote = '\0';
  for (const char c : line) {
    if (quote ? c == quote : (c == '\'' || c == '"'))
      quote = quote ? '\0' : c;
    else if ((c == ' ' || c == '\t') && !quote)
      words.emplace_back();
    else
      words.back() += c;
  }
  Words kept;
  for (size_t i = 0; i < words.size(); ++i)
    if (!words[i].empty() || i + 1 == words.size()) kept.push_back(words[i]);
  return kept;
}

Words beginning_with(const std::string& start, const Words& words) {
  Words found;
  for (const auto& word : words)
    if (word.rfind(start, 0) == 0) found.push_back(word);
  return found;
}

/// The declared keys, from the program that knows every plugin.
std::vector<KnownKey> declared_keys() {
  std::vector<KnownKey> keys;
  const auto list =
      nlohmann::json::parse(engine_output({"explain", "--format", "json"}), nullptr, false);
  if (!list.is_array()) return keys;
  for (const auto& one : list)
    keys.push_back({one.value("key", ""), one.value("choices", Words{})});
  return keys;
}

const Flag* flag_of(const Verb& verb, const std::string& word) {
  for (const auto& flag : verb.flags)
    if (flag.name == word || std::count(flag.also.begin(), flag.also.end(), word)) return &flag;
  return nullptr;
}

Words flag_names(const Verb& verb) {
  Words names{"--help"};
  for (const auto& flag : verb.flags) names.push_back(flag.name);
  std::sort(names.begin(), names.end());
  return names;
}

Words values_of(const Flag& flag, const std::string& word) {
  if (!flag.choices.empty()) return beginning_with(word, flag.choices);
  return flag.value == "PATH" || flag.value == "DIR" ? complete_path(word) : Words{};
}

Words override_words(const Verb& verb, Words before, const std::string& word) {
  try {
    auto request = with_shipped(request_of(parse(verb, before)));
    request.multirun = true;  // `a=1,` is no mistake while it is typed
    return complete(request, word, declared_keys);
  } catch (const Error&) {
    return complete_path(word, ".yaml");  // no configuration is named yet
  }
}

Words argument_words(const Verb& verb, const Words& before, const std::string& word) {
  if (verb.name == "run" || verb.name == "plan") return override_words(verb, before, word);
  if (verb.name != "explain") return complete_path(word);
  Words keys;
  for (const auto& key : declared_keys()) keys.push_back(key.path);
  std::sort(keys.begin(), keys.end());
  return beginning_with(word, keys);
}

Words words_for(const std::string& line, size_t point) {
  auto words = split_line(line.substr(0, std::min(point, line.size())));
  if (words.size() < 2) return {};
  const auto word = words.back();
  words.pop_back();
  Words names{"help"};
  for (const auto& verb : verbs()) names.push_back(verb.name);
  std::sort(names.begin(), names.end());
  if (words.size() == 1 || words[1] == "help") return beginning_with(word, names);
  for (const auto& verb : verbs()) {
    if (verb.name != words[1]) continue;
    const Words before(words.begin() + 2, words.end());
    const Flag* flag = before.empty() ? nullptr : flag_of(verb, before.back());
    if (flag && !flag->value.empty()) return values_of(*flag, word);
    if (word.rfind("-", 0) == 0) return beginning_with(word, flag_names(verb));
    return argument_words(verb, before, word);
  }
  return {};
}

}  // namespace

int shell_completion(const std::string& request) {
  const auto equals = request.find('=');
  const auto what = request.substr(0, equals);
  const auto shell = equals == std::string::npos ? "" : request.substr(equals + 1);
  if (what == "query") {
    const char* line = std::getenv("COMP_LINE");
    const char* point = std::getenv("COMP_POINT");
    std::string text;
    const size_t at = point ? std::strtoull(point, nullptr, 10) : std::string::npos;
    for (const auto& word : words_for(line ? line : "", at)) text += word + "\n";
    print(text);
    return 0;
  }
  if (what == "install" || what == "uninstall") {
    print(as_usage(
        [&] { return what == "install" ? completion_script(shell) : completion_removal(shell); }));
    return 0;
  }
  throw Usage(
      "-sc takes install=SHELL or uninstall=SHELL, as in: eval \"$(bench -sc install=bash)\"");
}

}  // namespace bench::front
