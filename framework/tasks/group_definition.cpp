#include "tasks/group_definition.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "base/near.h"
#include "data/data.h"
#include "hydra/yaml/scalar.h"
#include "tasks/definition.h"
#include "tasks/task_yaml.h"

namespace bench {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMostFiles = 20000, kMostMembers = 5000;

std::vector<std::string> texts(const Value* v) {
  std::vector<std::string> all;
  if (v && v->is_string()) all.push_back(v->string());
  if (v && v->is_list())
    for (const auto& one : v->list())
      if (one.is_string()) all.push_back(one.string());
  return all;
}

/// Where the names of a folder's task files lead.
struct Index {
  std::map<std::string, fs::path> tasks, groups;
  std::map<std::string, std::vector<fs::path>> tags;
};

void add_file(Index& index, const fs::path& file) {
  std::vector<fs::path> read;
  Value v;
  try {
    v = load_task_file(file, read);
  } catch (const Error&) {
    return;  // what is no task file is said when it is named
  }
  const auto *task = v.find("task"), *group = v.find("group");
  if (group && group->is_string() && task && task->is_list()) {
    index.groups.emplace(group->string(), file);
    return;
  }
  if (task && task->is_string()) index.tasks.emplace(task->string(), file);
  for (const char* key : {"tag", "group"})
    for (const auto& tag : texts(v.find(key))) index.tags[tag].push_back(file);
}

Index index_of(const fs::path& folder) {
  Index index;
  std::vector<fs::path> files;
  for (const auto& e :
       fs::recursive_directory_iterator(folder, fs::directory_options::skip_permission_denied)) {
    if (e.is_regular_file() && (e.path().extension() == ".yaml" || e.path().extension() == ".yml"))
      files.push_back(e.path());
    if (files.size() > kMostFiles)
      fail("{}: holds more than {} task files", folder.string(), kMostFiles);
  }
  std::sort(files.begin(), files.end());
  for (const auto& f : files) add_file(index, f);
  return index;
}

class Reader {
 public:
  explicit Reader(const fs::path& folder) : index_(index_of(folder)) {}

  GroupDefinition read(const fs::path& file) {
    if (!open_.insert(file.string()).second) fail("{}: a group that holds itself", file.string());
    GroupDefinition g;
    const auto v = load_task_file(file, g.sources);
    const auto *name = v.find("group"), *tasks = v.find("task");
    if (!name || !name->is_string() || !tasks || !tasks->is_list())
      fail("{}: is no group: it needs `group` and a list `task`", file.string());
    g.name = name->string();
    known_keys(v, file);
    metrics(g, v.find("aggregate_metric_list"), file);
    for (const auto& one : tasks->list()) add(g, one, file);
    open_.erase(file.string());
    if (g.members.empty()) fail("{}: names no task", file.string());
    return g;
  }

 private:
  static void known_keys(const Value& v, const fs::path& file) {
    static const std::vector<std::string> kKnown{"group", "group_alias",           "task",
                                                 "tag",   "aggregate_metric_list", "metadata"};
    for (const auto& e : v.map())
      if (std::find(kKnown.begin(), kKnown.end(), e.key) == kKnown.end())
        fail("{}: the key '{}' of a group is not known{}", file.string(), e.key,
             suggestion(e.key, kKnown));
  }

  static void metrics(GroupDefinition& g, const Value* list, const fs::path& file) {
    if (!list || list->is_null()) return;
    if (!list->is_list()) fail("{}: aggregate_metric_list is no list", file.string());
    for (const auto& one : list->list()) {
      GroupMetric m;
      const auto *name = one.find("metric"), *size = one.find("weight_by_size"),
                 *how = one.find("aggregation");
      if (!name || !name->is_string())
        fail("{}: aggregate_metric_list: an entry names no metric", file.string());
      m.name = name->string();
      if (size && size->is_bool()) m.by_size = std::get<bool>(size->data);
      if (how && !how->is_null() && python_str(*how) != "mean")
        fail("{}: aggregate_metric_list: {} by {} is not supported; tasks are joined by their mean",
             file.string(), m.name, python_str(*how));
      m.filters = texts(one.find("filter_list"));
      g.metrics.push_back(std::move(m));
    }
  }

  void add(GroupDefinition& g, const Value& one, const fs::path& file) {
    const auto* inner = one.is_map() ? one.find("task") : &one;
    if (!inner || !inner->is_string())
      fail("{}: a task of a group must be a name, or a map with `task`", file.string());
    int64_t shots = -1;
    if (one.is_map())
      for (const auto& e : one.map()) {
        if (e.key == "num_fewshot" && e.value.is_int())
          shots = std::get<int64_t>(e.value.data);
        else if (e.key != "task" && e.key != "task_alias")
          fail(
              "{}: {}: the key '{}' of a group's task is not supported; write it in the task's "
              "file",
              file.string(), inner->string(), e.key);
      }
    named(g, inner->string(), shots, file);
    if (g.members.size() > kMostMembers)
      fail("{}: has more than {} tasks", file.string(), kMostMembers);
  }

  void named(GroupDefinition& g, const std::string& name, int64_t shots, const fs::path& file) {
    if (const auto it = index_.groups.find(name); it != index_.groups.end()) {
      auto inside = read(it->second);
      for (auto m : inside.members) {
        if (shots >= 0) m.fewshot = shots;
        g.members.push_back(std::move(m));
      }
      g.sources.insert(g.sources.end(), inside.sources.begin(), inside.sources.end());
      g.inside.push_back(std::move(inside));
      return;
    }
    if (const auto it = index_.tasks.find(name); it != index_.tasks.end())
      return member(g, name, it->second, shots);
    if (const auto it = index_.tags.find(name); it != index_.tags.end()) {
      for (const auto& f : it->second) member(g, "", f, shots);
      return;
    }
    const auto shipped = shipped_tasks();
    if (std::find(shipped.begin(), shipped.end(), name) == shipped.end())
      fail("{}: '{}' is no task, group or tag of its folder, and is not shipped{}", file.string(),
           name, suggestion(name, shipped));
    g.members.push_back({name, name, "", g.name, shots});
  }

  void member(GroupDefinition& g, std::string name, const fs::path& file, int64_t shots) {
    std::vector<fs::path> read;
    const auto v = load_task_file(file, read);
    if (name.empty()) name = python_str(*v.find("task"));
    const auto* data = v.find("dataset_name");
    g.members.push_back(
        {name, file.string(), data && data->is_string() ? data->string() : "", g.name, shots});
  }

  Index index_;
  std::set<std::string> open_;
};

}  // namespace

GroupDefinition read_group(const fs::path& file) {
  const auto folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
  return Reader(folder).read(file);
}

}  // namespace bench
