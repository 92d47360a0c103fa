// run and plan: the configuration is chosen, and shown where that is all that is asked for; trials
// are bench-engine's.
#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "base/error.h"
#include "base/near.h"
#include "hydra/compose/inspect.h"
#include "front/verbs.h"

namespace bench::front {

namespace fs = std::filesystem;

namespace {

/// An override, not the name of a file: a file may be called a=b.yaml.
bool is_override(const std::string& word) {
  if (word.empty() || word[0] == '~') return true;
  std::error_code too_long;  // for a name of a file: then it is none
  return word.find('=') != std::string::npos && !fs::exists(word, too_long);
}

fs::path default_folder() {
  const char* home = std::getenv("BENCH_HOME");
  return home && !fs::is_directory("configs") ? fs::path(home) / "configs" : fs::path("configs");
}

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored))
    if (entry.path().extension() == ".yaml") names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

/// A file that is there: else the near ones of its folder.
void check_primary(const Options& options, const fs::path& primary) {
  if (fs::is_regular_file(primary)) return;
  const auto folder = primary.has_parent_path() ? primary.parent_path() : fs::path(".");
  if (fs::is_directory(primary))
    throw Usage(fmt::format("{}: {} is a folder; which of its configurations?{}", options.verb,
                            primary.string(), suggestion("", names_in(primary))));
  throw Usage(fmt::format("{}: there is no configuration {}{}", options.verb, primary.string(),
                          suggestion(primary.filename().string(), names_in(folder))));
}

void add_workers(const Options& options, ComposeRequest& request) {
  const auto count = options.get("--workers", "");
  if (!options.has("--workers")) return;
  if (count.empty() || count.size() > 4 || count.find_first_not_of("0123456789") != count.npos)
    throw Usage(fmt::format("{}: --workers: '{}' is no number of processes", options.verb, count));
  request.overrides.push_back("++launcher.workers=" + count);
}

int show_it(const Options& options, const ComposeRequest& request) {
  const ShowOptions look{options.has("--resolve"), options.get("--package", "")};
  print(as_usage([&] {
    return options.has("--cfg") ? show_config(request, options.get("--cfg", ""), look)
                                : show_info(request, options.get("--info", ""));
  }));
  return 0;
}

std::vector<std::string> engine_words(const Options& options, const ComposeRequest& request) {
  std::vector<std::string> words{options.verb, request.primary.string()};
  if (request.multirun) words.emplace_back("-m");
  for (const auto& folder : request.search_path) {
    words.emplace_back("--config-dir");
    words.push_back(folder.string());
  }
  if (options.has("--db")) {
    words.emplace_back("--db");
    words.push_back(options.get("--db", ""));
  }
  if (options.has("--keep") && options.has("--again"))
    throw Usage(fmt::format("{}: only one of --keep and --again may be given", options.verb));
  for (const char* flag : {"--retry-failed", "--no-report", "--keep", "--again", "--wait"})
    if (options.has(flag)) words.emplace_back(flag);
  words.insert(words.end(), request.overrides.begin(), request.overrides.end());
  return words;
}

}  // namespace

ComposeRequest with_shipped(ComposeRequest request) {
  fs::path shipped;
  try {
    shipped = checkout("configs/criterion") / "configs";
  } catch (const Error&) {
    return request;  // a program without its checkout: the configuration stands alone
  }
  const auto own = request.primary.has_parent_path() ? request.primary.parent_path() : ".";
  if (std::error_code ignored; !fs::equivalent(shipped, own, ignored))
    request.search_path.push_back(shipped);
  return request;
}

ComposeRequest request_of(const Options& options) {
  ComposeRequest request;
  request.multirun = options.has("--multirun");
  for (const auto& folder : options.all("--config-dir")) request.search_path.emplace_back(folder);
  for (const auto& word : options.arguments) {
    if (is_override(word)) {
      request.overrides.push_back(word);
    } else if (request.primary.empty()) {
      request.primary = word;
    } else {
      throw Usage(fmt::format("{}: '{}' is no override; write KEY=VALUE", options.verb, word));
    }
  }
  if (options.has("--config-path") && request.primary.has_parent_path())
    throw Usage(fmt::format("{}: {} names its folder itself; drop --config-path", options.verb,
                            request.primary.string()));
  auto folder = request.primary.parent_path();
  if (request.primary.empty() || options.has("--config-path"))
    folder = options.get("--config-path", default_folder().string());
  auto name = options.get("--config-name", request.primary.filename().string());
  if (name.empty())
    throw Usage(
        fmt::format("{}: which configuration? usage: bench {} configs/llama_sweep.yaml "
                    "[KEY=VALUE]...{}",
                    options.verb, options.verb, suggestion("", names_in(folder))));
  if (options.has("--config-name") && !name.ends_with(".yaml")) name += ".yaml";
  request.primary = folder / name;
  add_workers(options, request);
  return request;
}

int run(const Options& options) {
  const bool cfg = options.has("--cfg"), info = options.has("--info");
  if (cfg + info + options.has("--multirun") > 1)
    throw Usage(
        fmt::format("{}: only one of --multirun, --cfg and --info may be given", options.verb));
  for (const char* flag : {"--resolve", "--package"})
    if (options.has(flag) && !cfg)
      throw Usage(fmt::format("{}: {} goes with --cfg; add --cfg job", options.verb, flag));
  const auto request = request_of(options);
  check_primary(options, request.primary);
  return cfg || info ? show_it(options, with_shipped(request))
                     : hand_over(engine_words(options, request));
}

}  // namespace bench::front
