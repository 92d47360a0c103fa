#pragma once
#include <string>

#include "results/store.h"

namespace bench {

/// One HTML page without a network: tables, curves, and the provenance of every number. All that
/// comes out of the database stands in JSON blocks that the page shows as text, never as markup.
std::string leaderboard_page(const Store& store);

/// JSON that may stand inside <script>: no '<' is left in it.
std::string inside_script(std::string json);

}  // namespace bench
