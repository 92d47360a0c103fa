#pragma once
#include <string>
#include <vector>

#include "results/result.h"

namespace bench {

/// "cubic4+train+lora", as the name of a method ends where its trials have a schedule and stages.
std::string stages_of(const Trial& trial);
/// Names of the plugins behind those stages after the pruning, in their order: "lora".
std::vector<std::string> recovery_of(const Trial& trial);
/// A method's name without its stages; what tells its setting apart stays.
std::string without_stages(const std::string& method, const std::string& stages);

}  // namespace bench
