#pragma once
#include <filesystem>

namespace bench {

/// An Error where something of that name is no regular file (a folder, a pipe, a device): reading
/// it gives nothing, or never ends. What is not there at all is for the one who opens it to say.
void require_regular(const std::filesystem::path& file);

/// The same of a file that is to be written: a device or a folder is never replaced.
void require_replaceable(const std::filesystem::path& file);

}  // namespace bench
