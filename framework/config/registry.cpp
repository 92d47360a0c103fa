#include "config/registry.h"

namespace bench {

std::string& enrolling_library() {
  static std::string path;
  return path;
}

}  // namespace bench
