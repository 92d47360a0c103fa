// The one file that changes with every commit.
#include "revision.h"

#include "engine/verbs.h"
#include "trial/source_digest.h"

namespace bench::engine {

void know_revision() {
  set_revision(BENCH_REVISION);
}

}  // namespace bench::engine
