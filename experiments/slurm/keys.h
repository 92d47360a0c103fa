#pragma once
#include <string>
#include <utility>
#include <vector>

#include "config/config.h"
#include "config/schema.h"

namespace bench::slurm {

/// The keys that `launcher` has where its kind is slurm. Names and meanings are those of
/// hydra-submitit-launcher (facebookresearch/hydra, plugins/hydra_submitit_launcher).
Schema schema();

/// The same, read. Empty texts and zeros are left to Slurm.
struct Keys {
  int64_t timeout_min = 0, cpus_per_task = 0, gpus_per_node = 0, nodes = 0;
  double mem_gb = 0;
  int64_t array_parallelism = 0, elements = 0, max_num_timeout = 0, signal_delay_s = 0;
  bool stderr_to_stdout = false;
  std::string folder;  // absolute, with %j for the job's id
  std::string name, partition, qos, account, constraint, exclude, nodelist, gres, comment;
  std::vector<std::string> setup, srun_args;
  std::vector<std::pair<std::string, std::string>> additional;  // "": a flag without a value
};

/// An Error for what the types do not say: a folder without %j, a text with a line break, an
/// additional parameter that has a key of its own.
Keys keys_from(const Config& launcher);

}  // namespace bench::slurm
