#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace bench {

/// A number of a whole group: the mean of its tasks'.
struct GroupMetric {
  std::string name;
  bool by_size = true;                    // tasks weigh as many documents as they have
  std::vector<std::string> filters = {};  // empty: all of the tasks'
};

/// One task of a group, and what the group says of it.
struct GroupMember {
  std::string name;
  std::string task;       // a file, or the name of a shipped task
  std::string data_name;  // its dataset_name
  std::string group;      // the nearest group above it
  int64_t fewshot = -1;   // -1: its own
};

/// A group file of lm-eval's form (lm_eval/api/group.py): `group`, `task` (names of tasks, groups
/// and tags, or maps with `task` and `num_fewshot`), `aggregate_metric_list`.
struct GroupDefinition {
  std::string name;
  std::vector<std::filesystem::path> sources;
  std::vector<GroupMetric> metrics;
  std::vector<GroupMember> members;     // the tasks themselves, of groups inside too
  std::vector<GroupDefinition> inside;  // groups with numbers of their own
};

/// Names are looked up among the .yaml files of the group's folder and the folders below it, then
/// among the shipped tasks. A name that is nowhere, or a group that holds itself, is an Error.
GroupDefinition read_group(const std::filesystem::path& file);

}  // namespace bench
