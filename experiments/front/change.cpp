// name, note, rm and merge: what people change in a database.
#include <filesystem>

#include "front/verbs.h"
#include "results/merge.h"
#include "results/store.h"

namespace bench::front {

namespace {

/// A database that is there: a mistyped path makes no empty one.
std::string existing(const Options& options) {
  auto path = options.get("--db", "out/bench.db");
  if (!std::filesystem::exists(path))
    throw Usage(
        fmt::format("{}: there is no database {}; give another one with --db", options.verb, path));
  return path;
}

std::string id_of(const Store& store, const Options& options, const std::string& word) {
  const auto trial = store.trial(word);
  if (!trial)
    throw Usage(fmt::format("{}: no trial '{}'; 'bench list' shows those that are there",
                            options.verb, word));
  return trial->id;
}

/// All of them before the first is changed.
std::vector<std::string> ids_of(const Store& store, const Options& options, size_t count) {
  std::vector<std::string> ids;
  for (size_t i = 0; i < count; ++i) ids.push_back(id_of(store, options, options.arguments[i]));
  return ids;
}

}  // namespace

int name_trials(const Options& options) {
  Store store(existing(options));
  const auto& label = options.arguments.back();
  if (label.empty()) throw Usage("name: the new name is empty");
  const auto ids = ids_of(store, options, options.arguments.size() - 1);
  for (const auto& id : ids) store.name(id, label);
  print(fmt::format("{} trial{} named {}\n", ids.size(), ids.size() == 1 ? "" : "s", label));
  return 0;
}

int note_trial(const Options& options) {
  Store store(existing(options));
  store.remark(id_of(store, options, options.arguments[0]), options.arguments[1]);
  return 0;
}

int remove_trials(const Options& options) {
  if (!options.has("--reason") || options.get("--reason", "").empty())
    throw Usage("rm: --reason is needed; it stands in the history");
  Store store(existing(options));
  const auto ids = ids_of(store, options, options.arguments.size());
  for (const auto& id : ids) store.remove(id, options.get("--reason", ""));
  print(fmt::format("{} trial{} moved to the history ('bench show ID' has it)\n", ids.size(),
                    ids.size() == 1 ? "" : "s"));
  return 0;
}

int merge_databases(const Options& options) {
  const std::vector<std::string> from(options.arguments.begin() + 1, options.arguments.end());
  const auto m = merge(options.arguments.front(), from);
  print(fmt::format(
      "{} trials of {} database{}: {} new, {} finished that were not, {} that differ\n", m.trials,
      from.size(), from.size() == 1 ? "" : "s", m.added, m.completed, m.differing));
  if (m.differing > 0)
    print(fmt::format("both rows of what differs are kept; 'bench report --db {}' marks them\n",
                      options.arguments.front()));
  return 0;
}

}  // namespace bench::front
