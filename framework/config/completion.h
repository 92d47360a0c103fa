#pragma once
#include <functional>
#include <string>
#include <vector>

#include "hydra/compose/compose.h"

namespace bench {

/// A declared key (config/reference.h), as far as completion needs it.
struct KnownKey {
  std::string path;                  // "sparsity", "data.file", "criterion.wanda.block"
  std::vector<std::string> choices;  // its values, where they are a few names
};

/// Asked only where the configs hold no answer: it may have to start another program.
using KnownKeys = std::function<std::vector<KnownKey>()>;

/// What `word`, being typed after the overrides of the request, may become: group= and group/,
/// group=option (also the last of several, a,b), key= and key., the same after ++ and ~, keys that
/// are not there yet after +, and file names after / or ./ . Sorted. Errors in configs give no
/// words, never an error.
std::vector<std::string> complete(const ComposeRequest& request, const std::string& word,
                                  const KnownKeys& known = {});

/// Files and folders that begin with the typed path, folders with '/' behind them. Of the files
/// only those with the extension (".yaml"), if one is given.
std::vector<std::string> complete_path(const std::string& typed, const std::string& extension = "");

/// What a user's shell evaluates: bash, zsh or fish. It asks `bench -sc query=SHELL` with COMP_LINE
/// and COMP_POINT set, and expects a word a line.
std::string completion_script(const std::string& shell);
/// What takes it back.
std::string completion_removal(const std::string& shell);

}  // namespace bench
