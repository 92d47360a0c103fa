#include "slurm/keys.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include "base/error.h"

namespace bench::slurm {
namespace {

/// What sbatch is told by a key of ours, or by us.
const std::map<std::string, std::string>& taken() {
  static const std::map<std::string, std::string> all{{"time", "timeout_min"},
                                                      {"cpus-per-task", "cpus_per_task"},
                                                      {"gpus-per-node", "gpus_per_node"},
                                                      {"mem", "mem_gb"},
                                                      {"nodes", "nodes"},
                                                      {"job-name", "name"},
                                                      {"partition", "partition"},
                                                      {"qos", "qos"},
                                                      {"account", "account"},
                                                      {"constraint", "constraint"},
                                                      {"exclude", "exclude"},
                                                      {"nodelist", "nodelist"},
                                                      {"gres", "gres"},
                                                      {"comment", "comment"},
                                                      {"signal", "signal_delay_s"},
                                                      {"output", "folder"},
                                                      {"error", "stderr_to_stdout"},
                                                      {"array", "array_parallelism"},
                                                      {"ntasks", ""},
                                                      {"requeue", ""},
                                                      {"no-requeue", ""},
                                                      {"open-mode", ""},
                                                      {"hold", ""},
                                                      {"wait", ""},
                                                      {"wrap", ""},
                                                      {"parsable", ""},
                                                      {"chdir", ""}};
  return all;
}

void check_line(const std::string& key, const std::string& text) {
  if (std::any_of(text.begin(), text.end(),
                  [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; }))
    fail("launcher.{}: holds a line break or another control character; sbatch takes one line",
         key);
}

std::string text_of(const Value& value) {
  if (value.is_null() || (value.is_bool() && std::get<bool>(value.data))) return "";
  return value.is_string() ? value.string() : to_json(value);
}

std::vector<std::pair<std::string, std::string>> additional_of(const Config& launcher) {
  std::vector<std::pair<std::string, std::string>> all;
  const Value* given = launcher.value().find("additional_parameters");
  if (!given || !given->is_map()) return all;
  for (const auto& [key, value, kind] : given->map()) {
    const auto path = "launcher.additional_parameters." + key;
    auto name = key;
    std::replace(name.begin(), name.end(), '_', '-');  // as submitit writes them
    const bool plain =
        !name.empty() && name.front() != '-' && std::all_of(name.begin(), name.end(), [](char c) {
          return c == '-' || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        });
    if (!plain)
      fail("{}{}: is no parameter of sbatch; write its long name without the dashes", where(value),
           path);
    if (const auto it = taken().find(name); it != taken().end())
      fail("{}{}: {}", where(value), path,
           it->second.empty() ? "is set by bench itself; leave it out"
                              : "is the key launcher." + it->second + "; set that one");
    if (value.is_map() || value.is_list())
      fail("{}{}: expected a text, a number or true, found a {}", where(value), path,
           type_name(value));
    if (value.is_bool() && !std::get<bool>(value.data)) continue;
    check_line("additional_parameters." + key, text_of(value));
    all.emplace_back(name, text_of(value));
  }
  return all;
}

}  // namespace

Schema schema() {
  Schema all{
      key("timeout_min", 60, "time limit of an element").range(1, 1 << 24).in("minutes"),
      key("cpus_per_task", 1, "cores of an element").range(1, 1 << 16),
      key("gpus_per_node", 0, "cards of an element").range(0, 1024),
      key("mem_gb", 0.0, "memory of an element; 0: what the partition gives").at_least(0).in("GB"),
      key("nodes", 1, "nodes of an element: a trial runs on one").range(1, 1),
      key("name", "bench", "the job's name in the queue"),
      key("partition", "", "empty, here and below: what Slurm takes by itself"),
      key("qos", "", "quality of service"),
      key("account", "", "whom the time is charged to"),
      key("constraint", "", "features that nodes must have"),
      key("exclude", "", "nodes that are not taken"),
      key("nodelist", "", "nodes that are taken"),
      key("gres", "", "generic resources, as in gpu:a100:1"),
      key("comment", "", "a remark with the job"),
      key("array_parallelism", 256, "elements that run at the same time").range(1, 100'000),
      key("elements", 0, "elements of the array; 0: array_parallelism, at most one a trial")
          .range(0, 100'000),
      key("max_num_timeout", 3,
          "how often an element that reached its time limit goes back into the queue")
          .range(0, 100'000),
      key("signal_delay_s", 120, "so long before its time limit an element puts its work down")
          .range(1, 65'535)
          .in("seconds"),
      key("setup", std::vector<std::string>{}, "lines of shell before the work, as module load"),
      key("srun_args", std::vector<std::string>{}, "further words for srun"),
      optional("additional_parameters", Key::Type::Map,
               "further parameters of sbatch: long name -> value, true for one without"),
      key("stderr_to_stdout", false, "one log file an element in place of two"),
      key("folder", "out/slurm/%j", "where shares, logs and results lie; %j is the job's id")};
  std::vector<Key> keys = all.keys();
  Schema plain;
  for (auto& k : keys) plain = plain + Schema{k.without_identity()};
  return plain;
}

Keys keys_from(const Config& launcher) {
  Keys k;
  for (auto [name, value] : {std::pair("timeout_min", &k.timeout_min),
                             {"cpus_per_task", &k.cpus_per_task},
                             {"gpus_per_node", &k.gpus_per_node},
                             {"nodes", &k.nodes},
                             {"array_parallelism", &k.array_parallelism},
                             {"elements", &k.elements},
                             {"max_num_timeout", &k.max_num_timeout},
                             {"signal_delay_s", &k.signal_delay_s}})
    *value = launcher.get<int64_t>(name);
  k.mem_gb = launcher.get<double>("mem_gb");
  k.stderr_to_stdout = launcher.get<bool>("stderr_to_stdout");
  for (auto [name, value] : {std::pair("folder", &k.folder),
                             {"name", &k.name},
                             {"partition", &k.partition},
                             {"qos", &k.qos},
                             {"account", &k.account},
                             {"constraint", &k.constraint},
                             {"exclude", &k.exclude},
                             {"nodelist", &k.nodelist},
                             {"gres", &k.gres},
                             {"comment", &k.comment}}) {
    *value = launcher.get<std::string>(name);
    check_line(name, *value);
  }
  if (k.folder.find("%j") == std::string::npos)
    fail(
        "launcher.folder: '{}' holds no %j, the job's id: a later job would write over an "
        "earlier one; try {}",
        k.folder, (std::filesystem::path(k.folder) / "%j").string());
  k.folder = std::filesystem::absolute(k.folder).lexically_normal().string();
  if (k.signal_delay_s >= k.timeout_min * 60)
    fail(
        "launcher.signal_delay_s: {} seconds before a time limit of {} minutes (timeout_min) "
        "leave no time to work; give less, or a longer limit",
        k.signal_delay_s, k.timeout_min);
  k.setup = launcher.get<std::vector<std::string>>("setup");
  k.srun_args = launcher.get<std::vector<std::string>>("srun_args");
  for (const auto& word : k.srun_args) check_line("srun_args", word);
  k.additional = additional_of(launcher);
  return k;
}

}  // namespace bench::slurm
