#include "trial/source_digest.h"

#include "base/file_digest.h"

namespace bench {

namespace {

std::string& known_revision() {
  static std::string text;
  return text;
}

}  // namespace

std::string source_digest(const std::string& file) {
  // A library from elsewhere has no source here: its bytes are what took part.
  if (file.ends_with(".so")) return digest_of_file(file).substr(0, 16);
  for (const auto& [path, digest] : source_digests())
    if (file.ends_with(path) &&
        (file.size() == path.size() || file[file.size() - path.size() - 1] == '/'))
      return digest;
  return "";
}

const std::string& revision() {
  return known_revision();
}

void set_revision(const std::string& text) {
  known_revision() = text;
}

}  // namespace bench
