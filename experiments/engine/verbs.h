#pragma once
#include <string>
#include <vector>

namespace bench::engine {

using Arguments = std::vector<std::string>;

/// arguments[0] is the verb. Exit codes: 0 done; 1 something failed (a trial, a record); 2 the command
/// or its configuration is wrong.
int dispatch(const Arguments& arguments);

int verify(const Arguments& arguments);

}  // namespace bench::engine
