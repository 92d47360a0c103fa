#pragma once
#include <string>

#include "hydra/compose/compose.h"

namespace bench {

struct ShowOptions {
  bool resolve = false;  // --resolve: interpolations evaluated
  std::string package;   // --package: only that part
};

/// `--cfg job|hydra|all`: the composed configuration, the settings of the run, or both, as YAML.
std::string show_config(const ComposeRequest& request, const std::string& what,
                        const ShowOptions& options = {});

/// `--info all|config|defaults|defaults-tree|searchpath`.
std::string show_info(const ComposeRequest& request, const std::string& what);

/// The parts of show_info.
std::string show_defaults(const Composition& composition);       // the final list as a table
std::string show_defaults_tree(const Composition& composition);  // what lists what, with _self_
std::string show_search_path(const Composition& composition);

}  // namespace bench
