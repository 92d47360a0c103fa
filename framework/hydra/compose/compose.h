#pragma once
#include <ctime>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "hydra/defaults/defaults.h"
#include "hydra/interpolation/interpolation.h"
#include "hydra/yaml/value.h"

namespace bench {

struct ComposeRequest {
  /// configs/llama_sweep.yaml: its folder is the root of the search. May be empty if `root` is set:
  /// then the configuration starts out empty.
  std::filesystem::path primary;
  std::vector<std::string> overrides;
  /// More folders, searched after the root (--config-dir).
  std::vector<std::filesystem::path> search_path;
  bool multirun = false;  // -m: sweeps in overrides are allowed
  /// The root, if it is not the primary config's folder.
  std::filesystem::path root;
  std::time_t now = 0;         // of ${now:...} in all jobs; 0: the time of the call
  bool allow_missing = false;  // `???` may be left over in a job's config
};

struct Composition {
  Value config;    // interpolations as text; resolve() evaluates them
  Value settings;  // what stood under `hydra:`
  Value sweep;     // the `sweep:` block of the primary config, null if none
  std::vector<FinalDefault> defaults;
  std::shared_ptr<const DefaultsNode> tree;
  std::map<std::string, std::string> choices;  // group -> option, "null" for none
  std::string override_dirname;                // the overrides, sorted, with commas
  std::vector<std::filesystem::path> search_path;

  ResolveContext context(std::time_t now = 0) const;
};

/// One configuration; sweeps among the overrides are an error unless `multirun`, and then do not
/// take part.
Composition compose(const ComposeRequest& request);

struct Job {
  Value config;  // resolved and frozen: later edits of files change nothing (trap T5)
  std::vector<std::string> overrides;
  std::map<std::string, std::string> choices;
};

/// Every job of the sweep that the overrides and the primary config's `sweep:` block describe, in
/// order, the last key fastest; one job if nothing is swept. All are composed and checked before
/// this returns: an error of any job names it.
std::vector<Job> expand(const ComposeRequest& request);

inline constexpr size_t kMaxJobs = 100'000;

}  // namespace bench
