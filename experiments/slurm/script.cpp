#include "slurm/script.h"

#include <fmt/format.h>

namespace bench::slurm {
namespace {

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size())
    text.replace(at, what.size(), by);
  return text;
}

/// A line for sbatch, which reads words as a shell does, with double quotes and backslashes.
std::string directive(const std::string& name, const std::string& value) {
  if (value.empty()) return "#SBATCH --" + name + "\n";
  const bool plain = value.find_first_of(" \t\"'\\#") == std::string::npos;
  std::string text;
  for (const char c : value)
    text += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
  return fmt::format("#SBATCH --{}={}\n", name, plain ? value : '"' + text + '"');
}

/// Slurm's file names have patterns of their own: %A is the array's id, %% a percent sign.
std::string file_pattern(const std::string& folder, const std::string& id,
                         const std::string& file) {
  auto text = replaced(folder, "%j", "\x01");
  text = replaced(text, "%", "%%");
  return replaced(text, "\x01", id) + "/" + file;
}

/// What the array and the job behind it have in common.
std::string common(const Keys& k, const std::string& name, const Programs& programs) {
  std::string text = directive("job-name", name);
  text += directive("time", std::to_string(k.timeout_min));
  text += directive("nodes", std::to_string(k.nodes)) + directive("ntasks", "1");
  for (const auto& [key, value] : {std::pair("partition", &k.partition),
                                   {"qos", &k.qos},
                                   {"account", &k.account},
                                   {"constraint", &k.constraint},
                                   {"exclude", &k.exclude},
                                   {"nodelist", &k.nodelist},
                                   {"comment", &k.comment}})
    if (!value->empty()) text += directive(key, *value);
  for (const auto& [key, value] : k.additional) text += directive(key, value);
  text += directive("open-mode", "append");
  return text + directive("chdir", programs.chdir);
}

std::string exports(const Programs& programs) {
  std::string text;
  for (const auto& [name, value] : programs.environment)
    text += "export " + name + "=" + quoted(value) + "\n";
  return text;
}

// A signal ends the waiting, not the work; one that comes during the setup reaches the work, too.
const char* const kSignals = R"(work= told=
trap 'told=USR1; [ -z "$work" ] || kill -USR1 $work 2>/dev/null' USR1
trap 'told=TERM; [ -z "$work" ] || kill -TERM $work 2>/dev/null' TERM
)";
const char* const kWait = R"(work=$!
[ -z "$told" ] || { sleep 2; kill -$told $work; }
while told=; wait $work; code=$?; [ -n "$told" ]; do :; done
)";

}  // namespace

std::string quoted(const std::string& word) {
  return "'" + replaced(word, "'", "'\\''") + "'";
}

std::string folder_of(const Keys& keys, int64_t job) {
  return replaced(keys.folder, "%j", std::to_string(job));
}

std::string element_script(const Keys& k, size_t elements, const Programs& programs) {
  std::string text = "#!/bin/bash\n# One element of a sweep, written by bench run.\n";
  const auto last = elements - 1;
  text += directive("array", static_cast<size_t>(k.array_parallelism) < elements
                                 ? fmt::format("0-{}%{}", last, k.array_parallelism)
                                 : fmt::format("0-{}", last));
  text += common(k, k.name, programs);
  text += directive("cpus-per-task", std::to_string(k.cpus_per_task));
  if (k.gpus_per_node > 0) text += directive("gpus-per-node", std::to_string(k.gpus_per_node));
  if (k.mem_gb > 0) text += directive("mem", fmt::format("{}M", int64_t(k.mem_gb * 1024 + 0.5)));
  if (!k.gres.empty()) text += directive("gres", k.gres);
  text += directive("signal", fmt::format("B:USR1@{}", k.signal_delay_s));
  text += directive("requeue", "");
  text += directive("output", file_pattern(k.folder, "%A", "element-%a.log"));
  if (!k.stderr_to_stdout)
    text += directive("error", file_pattern(k.folder, "%A", "element-%a.err"));
  text += kSignals + exports(programs);
  for (const auto& line : k.setup) text += line + "\n";
  // The quotes end around the id, which is known only when the job runs.
  text += "folder=" + replaced(quoted(k.folder), "%j", "'\"$SLURM_ARRAY_JOB_ID\"'") + "\n";
  text += fmt::format("srun --unbuffered --ntasks=1 --cpus-per-task={}", k.cpus_per_task);
  for (const auto& word : k.srun_args) text += " " + quoted(word);
  text += " " + quoted(programs.engine) + " element \"$folder\" \"$SLURM_ARRAY_TASK_ID\" &\n";
  text += kWait;
  // Not $SLURM_JOB_ID: of the last element it is the array's, and all would be requeued.
  text += "element=\"${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID\"\n";
  // 138: it was warned before it could listen. Its share does not count that: here it has an end.
  text += fmt::format("[ $code = 138 ] && [ \"${{SLURM_RESTART_COUNT:-0}}\" -le {} ] && code={}\n",
                      k.max_num_timeout, kAgain);
  text += fmt::format("[ $code = {} ] && scontrol requeue \"$element\"\n", kAgain);
  text += fmt::format("[ $code = {} ] && scancel \"$SLURM_ARRAY_JOB_ID\"\n", kStopAll);
  return text + "exit $code\n";
}

std::string merge_script(const Keys& k, const std::string& folder, const std::string& db,
                         const Programs& programs) {
  std::string text = "#!/bin/bash\n# Brings the results of a sweep's elements into its ledger.\n";
  text += common(k, k.name + "-merge", programs);
  text += directive("output", file_pattern(folder, "", "merge.log"));
  text += exports(programs);
  const auto mark = quoted(folder + "/merged");  // set: bench run was here before
  text += "[ -e " + mark + " ] && exit 0\n";
  text += quoted(programs.bench) + " merge " + quoted(db) + " " + quoted(folder) +
          "/shard-*.db &&\n  : > " + mark + "\n";
  return text;
}

}  // namespace bench::slurm
