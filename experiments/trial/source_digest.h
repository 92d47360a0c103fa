#pragma once
#include <string>
#include <utility>
#include <vector>

namespace bench {

/// The digest of a plugin's source with what it includes of its own folder, comments and blanks
/// aside; made by the build (cmake/source_digests.cpp). `file`: as the compiler named it. Empty
/// where it is none of the checkout's.
std::string source_digest(const std::string& file);

/// Generated: path below the checkout -> digest.
const std::vector<std::pair<std::string, std::string>>& source_digests();

/// What `git describe` said of the checkout when the program was linked; empty: not known.
const std::string& revision();
void set_revision(const std::string& text);

}  // namespace bench
