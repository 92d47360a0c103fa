// reproduce: numbers of papers beside ours.
#include "reports/reproduce.h"
#include "reports/fill_command.h"

#include <filesystem>

#include "front/verbs.h"

namespace bench::front {

namespace {

namespace fs = std::filesystem;

/// Where the shipped numbers and configurations lie.
fs::path home_folder() {
  return checkout("results/published/paper_numbers.csv", ", or name their folder with --published");
}
/// "PRINTED=OURS".
void add_model(const std::string& word, JoinOptions& options) {
  const size_t equals = word.find('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == word.size())
    throw Usage(
        fmt::format("reproduce: --model takes PRINTED=OURS, as in LLaMA-7B=my-llama; not "
                    "'{}'",
                    word));
  options.models[word.substr(0, equals)] = word.substr(equals + 1);
}

/// The choices of a group of configs/.
std::set<std::string> choices_of(const fs::path& home, const char* group) {
  std::set<std::string> names;
  std::error_code ignored;
  for (const auto& file : fs::directory_iterator(home / "configs" / group, ignored))
    if (file.path().extension() == ".yaml") names.insert(file.path().stem().string());
  return names;
}

/// Without a database everything is missing, and each number has its command.
std::optional<Store> opened(const Options& options) {
  const std::string path = options.get("--db", "out/bench.db");
  if (!options.has("--db") && !fs::exists(path)) return {};
  return std::optional<Store>(std::in_place, path, Store::Mode::ReadOnly);
}

/// One configuration in place of a command for each missing number.
int write_sweep(const std::vector<Reproduced>& list, const std::string& path) {
  size_t missing = 0, can = 0;
  std::vector<std::vector<std::string>> fill;
  for (const auto& r : list) {
    missing += r.verdict == "missing";
    can += !r.fill.empty();
    fill.push_back(r.fill);
  }
  const auto sweep = fill_sweep(fill);
  if (sweep.empty())
    fail(
        "reproduce: of {} missing numbers none can be measured here as it stands; without --sweep "
        "each has its reason",
        missing);
  write_file(path, sweep);
  print(fmt::format(
      "{} of {} numbers are missing, {} of them have a trial that this program can run; "
      "bench run {}\n",
      missing, list.size(), can, path));
  return 0;
}

}  // namespace

int reproduce(const Options& options) {
  const bool own = options.has("--published");
  const fs::path home = own ? fs::path() : home_folder();
  const auto published =
      read_published(own ? options.get("--published", "") : (home / "results/published").string());
  if (options.arguments.empty() || options.arguments[0].find(':') == std::string::npos) {
    const auto paper = options.arguments.empty() ? std::string() : options.arguments[0];
    print(as_usage([&] { return list_published(published, paper); }));
    return 0;
  }
  const auto table = as_usage([&] { return table_named(published, options.arguments[0]); });
  JoinOptions join;
  for (const auto& word : options.all("--model")) add_model(word, join);
  for (const auto& name : options.all("--protocol")) join.protocols.insert(name);
  join.criteria = choices_of(own ? home_folder() : home, "criterion");
  join.tasks = choices_of(own ? home_folder() : home, "task");
  const auto store = opened(options);
  const Rows rows = store ? read_rows(*store) : Rows{};
  const auto list = bench::reproduce(table, published, rows, join);
  if (options.has("--sweep")) return write_sweep(list, options.get("--sweep", ""));
  print(render_reproduced(list, rows, options.get("--format", "table")));
  return 0;
}

}  // namespace bench::front
