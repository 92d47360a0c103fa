#pragma once
#include <map>
#include <string>
#include <vector>

#include "config/compose.h"

namespace bench {

/// Values that a key may take beyond what the configs say: registered names, say, by dotted key.
using KnownValues = std::map<std::string, std::vector<std::string>>;

/// What `word`, being typed after the overrides of the request, may become: group= and group/,
/// group=option (also the last of several, a,b), key= and key., the same after +, ++ and ~, and
/// file names after / or ./ . Sorted. Errors in configs give no words, never an error.
std::vector<std::string> complete(const ComposeRequest& request, const std::string& word,
                                  const KnownValues& values = {});

/// The same for a whole command line as a shell hands it over (COMP_LINE, COMP_POINT): the primary
/// config's name, flags, then overrides.
std::vector<std::string> complete_line(const std::string& line, size_t point,
                                       const KnownValues& values = {});

/// What a user's shell evaluates: bash, zsh or fish. It asks `bench -sc query=SHELL` with COMP_LINE
/// and COMP_POINT set, and expects a word a line.
std::string completion_script(const std::string& shell);

}  // namespace bench
