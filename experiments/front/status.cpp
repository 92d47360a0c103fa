// status: what was handed to a cluster, and how far it is.
#include <filesystem>

#include "front/verbs.h"
#include "slurm/status.h"

namespace bench::front {

int status(const Options& options) {
  const auto db = options.get("--db", "out/bench.db");
  if (!std::filesystem::exists(db))
    throw Usage(fmt::format("status: there is no database {}; give another one with --db", db));
  slurm::Standing standing = slurm::standing_of(db);
  print(options.has("--json") ? slurm::as_json(standing) : slurm::as_text(standing));
  return 0;
}

}  // namespace bench::front
