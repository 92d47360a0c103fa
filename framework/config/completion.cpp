#include "config/completion.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/near.h"
#include "config/composer.h"

namespace bench {
namespace fs = std::filesystem;
namespace {

bool starts_with(const std::string& text, const std::string& start) {
  return text.rfind(start, 0) == 0;
}

/// Files and folders that begin with the typed path; folders end with '/'.
std::vector<std::string> files(const std::string& typed, const std::string& extension = "") {
  const auto slash = typed.rfind('/');
  const auto folder = slash == std::string::npos ? "." : typed.substr(0, slash + 1);
  const auto start = slash == std::string::npos ? typed : typed.substr(slash + 1);
  std::vector<std::string> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const auto name = entry.path().filename().string();
    if (!starts_with(name, start) || (name[0] == '.' && start.empty())) continue;
    if (!entry.is_directory(ignored) && !extension.empty() && entry.path().extension() != extension)
      continue;
    found.push_back((slash == std::string::npos ? "" : folder) + name +
                    (entry.is_directory(ignored) ? "/" : ""));
  }
  return found;
}

class Completer {
 public:
  Completer(const ComposeRequest& request, const KnownValues& values)
      : composer_(request), values_(values) {
    try {
      composition_ = composer_.compose(parse_overrides(request.overrides), true);
    } catch (const Error&) {
      // An unfinished line is often wrong; groups and options are known all the same.
    }
  }

  std::set<std::string> words(const std::string& word) {
    const auto equals = word.find('=');
    const auto prefix = word.substr(0, std::min(word.find_first_not_of("+~"), word.size()));
    if (equals != std::string::npos) {
      after_equals(word.substr(prefix.size(), equals - prefix.size()), word.substr(equals + 1),
                   word.substr(0, equals + 1));
    } else if (prefix == "~") {
      for (const auto& [group, option] : composition_.choices) offer(prefix + group, word);
      keys(word.substr(1), prefix, false);
    } else {
      groups(word.substr(prefix.size()), prefix);
      keys(word.substr(prefix.size()), prefix, true);
    }
    return found_;
  }

 private:
  void offer(const std::string& candidate, const std::string& word) {
    if (starts_with(candidate, word)) found_.insert(candidate);
  }

  void after_equals(const std::string& key, const std::string& typed, const std::string& head) {
    if (starts_with(typed, "/") || starts_with(typed, "./") || starts_with(typed, "../")) {
      for (const auto& file : files(typed)) found_.insert(head + file);
      return;
    }
    // In `model=tiny,sm` and `task=[a,b` the last one is being typed.
    const auto last = typed.find_last_of(",[");
    const auto done = last == std::string::npos ? "" : typed.substr(0, last + 1);
    const auto start = typed.substr(done.size());
    std::vector<std::string> candidates;
    const auto group = key.substr(0, key.find('@'));
    if (composer_.repository().group_exists(group) && !group.empty())
      candidates = composer_.repository().options(group);
    if (const auto it = values_.find(key); it != values_.end())
      candidates.insert(candidates.end(), it->second.begin(), it->second.end());
    const auto current = select_or_null(key);
    if (current.is_bool()) candidates = {"false", "true"};
    for (const auto& candidate : candidates)
      if (starts_with(candidate, start)) found_.insert(head + done + candidate);
  }

  Value select_or_null(const std::string& key) const {
    try {
      return select(composition_.config, key, composition_.context()).value;
    } catch (const Error&) {
      return {};
    }
  }

  void groups(const std::string& typed, const std::string& prefix) {
    const auto slash = typed.rfind('/');
    const auto parent = slash == std::string::npos ? "" : typed.substr(0, slash);
    for (const auto& name : composer_.repository().groups(parent)) {
      const auto group = (parent.empty() ? "" : parent + "/") + name;
      if (!starts_with(group, typed)) continue;
      if (!composer_.repository().options(group).empty()) found_.insert(prefix + group + "=");
      if (!composer_.repository().groups(group).empty()) found_.insert(prefix + group + "/");
    }
    // Choices in packages of their own: db@source=
    for (const auto& [key, option] : composition_.choices)
      if (key.find('@') != std::string::npos) offer(prefix + key + "=", prefix + typed);
  }

  void keys(const std::string& typed, const std::string& prefix, bool with_equals) {
    const auto dot = typed.rfind('.');
    const auto parent = dot == std::string::npos ? "" : typed.substr(0, dot);
    const Value* map = &composition_.config;
    Value held;
    if (dot != std::string::npos) {
      held = select_or_null(parent);
      map = &held;
    }
    if (!map->is_map()) return;
    for (const auto& entry : map->map()) {
      const auto key = (parent.empty() ? "" : parent + ".") + entry.key;
      const bool is_group = composer_.repository().group_exists(key);
      if (!starts_with(key, typed)) continue;
      if (entry.value.is_map() && !entry.value.map().empty()) {
        found_.insert(prefix + key + ".");
      } else if (!is_group) {
        found_.insert(prefix + key + (with_equals ? "=" : ""));
      }
    }
  }

  Composer composer_;
  const KnownValues& values_;
  Composition composition_;
  std::set<std::string> found_;
};

/// Words of a shell line up to the point; quotes keep blanks.
std::vector<std::string> split_line(const std::string& line) {
  std::vector<std::string> words(1);
  char quote = '\0';
  for (const char c : line) {
    if (quote ? c == quote : (c == '\'' || c == '"'))
      quote = quote ? '\0' : c;
    else if ((c == ' ' || c == '\t') && !quote)
      words.emplace_back();
    else
      words.back() += c;
  }
  std::vector<std::string> kept;
  for (size_t i = 0; i < words.size(); ++i)
    if (!words[i].empty() || i + 1 == words.size()) kept.push_back(words[i]);
  return kept;
}

const std::vector<std::string> kFlags = {
    "--multirun",   "--cfg",         "--resolve", "--package", "--info",
    "--config-dir", "--config-name", "--help",    "--version", "--shell-completion"};

}  // namespace

std::vector<std::string> complete(const ComposeRequest& request, const std::string& word,
                                  const KnownValues& values) {
  try {
    const auto found = Completer(request, values).words(word);
    return {found.begin(), found.end()};
  } catch (const std::exception&) {
    return {};
  }
}

std::vector<std::string> complete_line(const std::string& line, size_t point,
                                       const KnownValues& values) {
  auto words = split_line(line.substr(0, std::min(point, line.size())));
  if (words.size() < 2) return {};
  const auto word = words.back();
  words.pop_back();
  ComposeRequest request;
  request.multirun = true;  // `a=1,` is no mistake while it is typed
  for (size_t i = 1; i < words.size(); ++i) {
    const auto& one = words[i];
    if (one == "--config-dir" || one == "-cd") {
      if (++i < words.size()) request.search_path.emplace_back(words[i]);
    } else if (one == "--cfg" || one == "-c" || one == "--info" || one == "-i" ||
               one == "--package" || one == "-p") {
      ++i;
    } else if (one[0] == '-' || (i == 1 && one.find('.') == std::string::npos)) {
      continue;  // a flag, or the verb
    } else if (request.primary.empty() && one.find('=') == std::string::npos) {
      request.primary = one;
    } else {
      request.overrides.push_back(one);
    }
  }
  if (!word.empty() && word[0] == '-') {
    std::vector<std::string> found;
    for (const auto& flag : kFlags)
      if (starts_with(flag, word)) found.push_back(flag);
    return found;
  }
  if (request.primary.empty()) {
    auto found = files(word, ".yaml");
    std::sort(found.begin(), found.end());
    return found;
  }
  return complete(request, word, values);
}

}  // namespace bench
