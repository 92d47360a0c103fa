#include "trial/plugins.h"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "base/error.h"
#include "config/registry.h"

namespace bench {

void load_plugins() {
  const char* given = std::getenv("BENCH_PLUGINS");
  std::istringstream paths(given ? given : "");
  for (std::string path; std::getline(paths, path, ':');) {
    if (path.empty()) continue;
    if (!std::filesystem::is_regular_file(path)) fail("--plugin {}: there is no such file", path);
    enrolling_library() = std::filesystem::absolute(path).string();
    const void* library = dlopen(enrolling_library().c_str(), RTLD_NOW | RTLD_LOCAL);
    enrolling_library().clear();
    if (!library)
      fail(
          "--plugin {}: cannot be loaded: {}; build it against this program's headers and LibTorch",
          path, dlerror());
  }
}

}  // namespace bench
