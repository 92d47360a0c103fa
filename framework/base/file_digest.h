#pragma once
#include <string>
#include <vector>

namespace bench {

/// What the system says of a file without reading it: device, inode, size and both times. Two equal
/// stamps are of equal bytes unless somebody went out of their way.
std::string stamp_of_file(const std::string& path);

/// A file whose digest is known as long as its stamp is the same.
struct KnownFile {
  std::string path, stamp, digest;
};
/// All whose SHA-256 this process knows, for another process to begin with.
std::vector<KnownFile> known_files();
void know_files(const std::vector<KnownFile>& files);

/// sha256_file(), read once as long as the file is the same. A file that was changed a moment ago
/// is read again: a second change within one tick of its clock would not show.
std::string digest_of_file(const std::string& path);

}  // namespace bench
