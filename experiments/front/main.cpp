// bench: the verbs that need no tensor; all others are handed to bench-engine.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>

#include "base/near.h"
#include "base/printable.h"
#include "base/reason.h"
#include "front/verbs.h"

namespace bench::front {

namespace {

bool is_help(const std::string& word) {
  return word == "--help" || word == "-h";
}

const Verb& verb_named(const std::string& name) {
  std::vector<std::string> known{"help"};
  for (const auto& verb : verbs()) {
    if (verb.name == name) return verb;
    known.push_back(verb.name);
  }
  throw Usage(
      fmt::format("there is no verb '{}'{}; see 'bench --help'", name, suggestion(name, known)));
}

/// Takes every `--plugin FILE` out of the words and hands the files to the programs behind.
std::vector<std::string> without_plugins(const std::vector<std::string>& words) {
  const char* given = std::getenv("BENCH_PLUGINS");
  std::string plugins = given ? given : "";
  std::vector<std::string> rest;
  for (size_t i = 0; i < words.size(); ++i) {
    const bool joined = words[i].rfind("--plugin=", 0) == 0;
    if (words[i] == "--") {
      rest.insert(rest.end(), words.begin() + static_cast<long>(i), words.end());
      break;
    }
    if (!joined && words[i] != "--plugin") {
      rest.push_back(words[i]);
      continue;
    }
    if (!joined && i + 1 == words.size())
      throw Usage("--plugin: which file? a shared library (.so)");
    const auto file = joined ? words[i].substr(9) : words[++i];
    plugins += (plugins.empty() ? "" : ":") + std::filesystem::absolute(file).string();
  }
  if (!plugins.empty()) setenv("BENCH_PLUGINS", plugins.c_str(), 1);
  return rest;
}

int dispatch(const std::vector<std::string>& all) {
  const auto words = without_plugins(all);
  if (words.empty()) throw Usage("which verb? see 'bench --help'");
  if (words[0] == "help" && words.size() > 1 && !is_help(words[1])) {
    print(help_of(verb_named(words[1])));
    return 0;
  }
  if (is_help(words[0]) || words[0] == "help") {
    print(help_of(verbs()));
    return 0;
  }
  if (words[0] == "--version") {
    print("bench " BENCH_VERSION "\n");
    return 0;
  }
  if (words[0] == "-sc" || words[0] == "--shell-completion")
    return shell_completion(words.size() == 2 ? words[1] : "");
  const Verb& verb = verb_named(words[0]);
  const std::vector<std::string> rest(words.begin() + 1, words.end());
  const auto flags_end = std::find(rest.begin(), rest.end(), "--");
  if (std::any_of(rest.begin(), flags_end, is_help)) {
    print(help_of(verb));
    return 0;
  }
  if (verb.script) return hand_to_script(words);
  const auto options = parse(verb, rest);
  return verb.run ? verb.run(options) : hand_over(words);
}

}  // namespace

}  // namespace bench::front

int main(int argc, char** argv) {
  try {
    return bench::front::dispatch({argv + 1, argv + argc});
  } catch (const bench::front::Usage& e) {
    std::fprintf(stderr, "bench: %s\n", bench::printable_lines(e.what()).c_str());
    return 2;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "bench: %s\n", bench::printable_lines(bench::reason_of(e).text).c_str());
    return 1;
  }
}
