#include "front/flags.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/near.h"

namespace bench::front {

namespace {

template <class... Args>
[[noreturn]] void wrong(const Verb& verb, fmt::format_string<Args...> text, Args&&... args) {
  throw Usage(fmt::format("{}: {}; see 'bench {} --help'", verb.name,
                          fmt::format(text, std::forward<Args>(args)...), verb.name));
}

bool among(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

const Flag& flag_named(const Verb& verb, const std::string& name) {
  std::vector<std::string> known;
  for (const auto& flag : verb.flags) {
    if (flag.name == name || among(flag.also, name)) return flag;
    known.push_back(flag.name);
  }
  wrong(verb, "there is no flag '{}'{}", name, suggestion(name, known));
}

/// Can the word be the value of a flag that also stands alone? Not a flag, override or file.
bool may_be_value(const std::string& word) {
  return word.rfind("-", 0) != 0 && word.find('=') == std::string::npos && !word.ends_with(".yaml");
}

std::string names_of(const Flag& flag) {
  std::string text;
  for (const auto& name : flag.also) text += name + ", ";
  text += flag.name;
  if (!flag.value.empty()) text += flag.alone.empty() ? " " + flag.value : " [" + flag.value + "]";
  return text + (flag.repeats ? " ..." : "");
}

std::string rows(const std::vector<std::pair<std::string, std::string>>& lines) {
  size_t longest = 0;
  for (const auto& [left, right] : lines) longest = std::max(longest, left.size());
  std::string out;
  for (const auto& [left, right] : lines) {
    out += fmt::format("  {:<{}}  {}\n", left, longest, right);
  }
  return out;
}

}  // namespace

std::string Options::get(const std::string& flag, const std::string& fallback) const {
  const auto it = flags.find(flag);
  return it == flags.end() ? fallback : it->second.back();
}

std::vector<std::string> Options::all(const std::string& flag) const {
  const auto it = flags.find(flag);
  return it == flags.end() ? std::vector<std::string>{} : it->second;
}

Options parse(const Verb& verb, const std::vector<std::string>& words) {
  Options options;
  options.verb = verb.name;
  bool only_arguments = false;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (only_arguments || word.size() < 2 || word[0] != '-') {
      options.arguments.push_back(word);
      continue;
    }
    if (word == "--") {
      only_arguments = true;
      continue;
    }
    const size_t equals = word.find('=');
    const Flag& flag = flag_named(verb, word.substr(0, equals));
    auto& values = options.flags[flag.name];
    if (!values.empty() && !flag.repeats) wrong(verb, "{} is given twice", flag.name);
    if (flag.value.empty()) {
      if (equals != std::string::npos) wrong(verb, "{} takes no value", flag.name);
      values.emplace_back();
    } else if (equals != std::string::npos) {
      values.push_back(word.substr(equals + 1));
    } else if (!flag.alone.empty() && (i + 1 == words.size() || !may_be_value(words[i + 1]))) {
      values.push_back(flag.alone);
    } else {
      if (i + 1 == words.size()) wrong(verb, "{} needs a value ({})", flag.name, flag.value);
      values.push_back(words[++i]);
    }
    if (!flag.choices.empty() && !among(flag.choices, values.back()))
      wrong(verb, "{}: no '{}'{}", flag.name, values.back(),
            suggestion(values.back(), flag.choices));
  }
  const size_t given = options.arguments.size();
  if (given < verb.least) wrong(verb, "{} is missing", verb.usage);
  if (given > verb.most) wrong(verb, "'{}' is too much", options.arguments[verb.most]);
  return options;
}

std::string help_of(const Verb& verb) {
  std::vector<std::pair<std::string, std::string>> lines;
  for (const auto& flag : verb.flags) {
    const auto choices =
        flag.choices.empty() ? std::string() : fmt::format(": {}", fmt::join(flag.choices, ", "));
    lines.emplace_back(names_of(flag), flag.doc + choices);
  }
  lines.emplace_back("-h, --help", "this text");
  return fmt::format("usage: bench {}{}{}{}\n\n{}\n\n{}", verb.name, verb.usage.empty() ? "" : " ",
                     verb.usage, verb.flags.empty() ? "" : " [FLAG]...", verb.doc, rows(lines));
}

std::string help_of(const std::vector<Verb>& verbs) {
  std::vector<std::pair<std::string, std::string>> lines;
  for (const auto& verb : verbs) {
    lines.emplace_back(verb.usage.empty() ? verb.name : verb.name + " " + verb.usage, verb.doc);
  }
  return "usage: bench VERB ...\n\nEvery way of pruning on every model, task and sparsity, and the "
         "truth about the result.\n\n" +
         rows(lines) +
         "\n'bench VERB --help' tells more. Results are in out/bench.db unless --db says otherwise."
         "\n--plugin FILE.so, with every verb: criteria and other plugins from elsewhere."
         "\nExit codes: 0 done, 1 something failed, 2 the command or its configuration is wrong.\n";
}

}  // namespace bench::front
