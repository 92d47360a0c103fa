#pragma once
#include <string>

#include "results/store.h"

namespace bench {

/// One HTML page without a network: what a ledger says at a glance, tables, curves, layers and
/// masks, two methods item by item, and the provenance of every number. All that comes out of the
/// database stands in packed blocks (packed.h) that the page shows as text, never as markup; its
/// figures are those of bench plot. `db` is the database's path as the page's commands shall name
/// it.
std::string leaderboard_page(const Store& store, const std::string& db = "out/bench.db");

}  // namespace bench
