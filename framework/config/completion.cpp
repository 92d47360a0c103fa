#include "config/completion.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/near.h"
#include "hydra/compose/composer.h"

namespace bench {
namespace fs = std::filesystem;
namespace {

bool starts_with(const std::string& text, const std::string& start) {
  return text.rfind(start, 0) == 0;
}

class Completer {
 public:
  Completer(const ComposeRequest& request, const KnownKeys& known)
      : composer_(request), ask_(known) {
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
      keys(word.substr(1), prefix);
    } else {
      groups(word.substr(prefix.size()), prefix);
      keys(word.substr(prefix.size()), prefix);
      if (starts_with(prefix, "+")) absent_keys(word.substr(prefix.size()), prefix);
    }
    return found_;
  }

 private:
  void offer(const std::string& candidate, const std::string& word) {
    if (starts_with(candidate, word)) found_.insert(candidate);
  }

  void after_equals(const std::string& key, const std::string& typed, const std::string& head) {
    if (starts_with(typed, "/") || starts_with(typed, "./") || starts_with(typed, "../")) {
      for (const auto& file : complete_path(typed)) found_.insert(head + file);
      return;
    }
    // In `model=tiny,sm` and `task=[a,b` the last one is being typed.
    const auto last = typed.find_last_of(",[");
    const auto done = last == std::string::npos ? "" : typed.substr(0, last + 1);
    const auto start = typed.substr(done.size());
    for (const auto& candidate : values_of(key))
      if (starts_with(candidate, start)) found_.insert(head + done + candidate);
  }

  std::vector<std::string> values_of(const std::string& key) {
    const auto group = key.substr(0, key.find('@'));
    if (!group.empty() && composer_.repository().group_exists(group))
      return composer_.repository().options(group);
    if (select_or_null(key).is_bool()) return {"false", "true"};
    const auto dot = key.rfind('.');
    const auto parent = dot == std::string::npos ? "" : key.substr(0, dot);
    const auto name = dot == std::string::npos ? key : key.substr(dot + 1);
    for (const auto& prefix : declared_under(parent))
      for (const auto& known : known_keys())
        if (known.path == prefix + name) return known.choices;
    return {};
  }

  const std::vector<KnownKey>& known_keys() {
    if (ask_) known_ = ask_();
    ask_ = nullptr;
    return known_;
  }

  /// Where the keys of a map are declared: data -> data., criterion -> criterion.wanda. and
  /// criterion., task.arc -> task.lm_eval. and task.
  std::vector<std::string> declared_under(const std::string& parent) const {
    if (parent.empty()) return {""};
    std::vector<std::string> prefixes{parent + "."};
    const auto first = parent.substr(0, parent.find('.'));
    if (first != parent) prefixes.push_back(first + ".");
    const auto name = select_or_null(parent + ".name");
    if (name.is_string()) prefixes.push_back(first + "." + name.string() + ".");
    return prefixes;
  }

  /// Keys that are declared but not in the configuration: what + adds.
  void absent_keys(const std::string& typed, const std::string& prefix) {
    const auto dot = typed.rfind('.');
    const auto parent = dot == std::string::npos ? "" : typed.substr(0, dot);
    const auto map = parent.empty() ? composition_.config : select_or_null(parent);
    if (!map.is_map()) return;
    for (const auto& where : declared_under(parent))
      for (const auto& known : known_keys()) {
        if (!starts_with(known.path, where)) continue;
        const auto name = known.path.substr(where.size());
        if (name.find('.') != std::string::npos || map.find(name)) continue;
        offer(prefix + (parent.empty() ? "" : parent + ".") + name + "=", prefix + typed);
      }
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

  void keys(const std::string& typed, const std::string& prefix) {
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
      } else if (!is_group && prefix != "+") {  // + adds what is not there
        found_.insert(prefix + key + (prefix == "~" ? "" : "="));
      }
    }
  }

  Composer composer_;
  KnownKeys ask_;
  std::vector<KnownKey> known_;
  Composition composition_;
  std::set<std::string> found_;
};

}  // namespace

std::vector<std::string> complete_path(const std::string& typed, const std::string& extension) {
  const auto slash = typed.rfind('/');
  const auto folder = slash == std::string::npos ? "." : typed.substr(0, slash + 1);
  const auto start = slash == std::string::npos ? typed : typed.substr(slash + 1);
  std::vector<std::string> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const auto name = entry.path().filename().string();
    if (!starts_with(name, start) || (name[0] == '.' && start.empty())) continue;
    const bool is_folder = entry.is_directory(ignored);
    if (!is_folder && !extension.empty() && entry.path().extension() != extension) continue;
    found.push_back((slash == std::string::npos ? "" : folder) + name + (is_folder ? "/" : ""));
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::vector<std::string> complete(const ComposeRequest& request, const std::string& word,
                                  const KnownKeys& known) {
  try {
    const auto found = Completer(request, known).words(word);
    return {found.begin(), found.end()};
  } catch (const std::exception&) {
    return {};
  }
}

}  // namespace bench
