#pragma once
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "hydra/defaults/defaults_entry.h"
#include "hydra/override/override.h"
#include "hydra/compose/repository.h"

namespace bench {

/// A config in the tree of defaults; children in order of merging, `_self_` among them.
struct DefaultsNode {
  DefaultsEntry entry;
  DefaultsNode* parent = nullptr;
  std::vector<std::unique_ptr<DefaultsNode>> children;
};

/// A line of the final list.
struct FinalDefault {
  std::string config_path, package, parent;
  bool is_self = false, primary = false;
  std::optional<std::string> override_key;
};

/// The command line, sorted into what edits the Defaults List and what edits values.
struct DefaultsResult {
  std::vector<FinalDefault> list;
  std::shared_ptr<DefaultsNode> tree;
  std::map<std::string, std::optional<std::string>> choices;  // group key -> option; none: null
  std::vector<Override> value_overrides;
};

/// Does this override edit the Defaults List (specification 1.4)? Sweeps do not edit anything.
bool edits_defaults(const Override& override, const Repository& repository);

/// The final Defaults List (specification 2; Hydra 1.4 _internal/defaults_list.py).
/// `primary`: the config's path, none for an empty one. `skip_missing`: `???` is no error.
DefaultsResult create_defaults_list(Repository& repository,
                                    const std::optional<std::string>& primary,
                                    const std::vector<Override>& overrides, bool skip_missing);

}  // namespace bench
