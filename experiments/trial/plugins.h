#pragma once

namespace bench {

/// Loads the shared libraries that $BENCH_PLUGINS names (paths, ':' between them); their plugins
/// enroll themselves as the program's own do. What cannot be loaded is an Error with the reason.
void load_plugins();

}  // namespace bench
