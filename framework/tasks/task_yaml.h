#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "hydra/yaml/value.h"

namespace bench {

/// A task file's text as a map. `!function module.name`, a tag of lm-eval's own, is kept as text
/// and read by functions.h.
Value load_task_yaml(const std::string& yaml, const std::filesystem::path& file);
/// A task file over what it includes, the nearer key winning. `read`: adds every file that was
/// read.
Value load_task_file(const std::filesystem::path& file, std::vector<std::filesystem::path>& read);

}  // namespace bench
