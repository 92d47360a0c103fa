#pragma once
#include "reports/reproduce.h"

namespace bench {

/// The command of `bench run` that measures what a row prints, with configs/reproduce.yaml; "" and
/// a reason where nothing here can.
std::string fill_command(const PublishedRow& row, const std::vector<std::string>& tasks,
                         int64_t window, const Published& published, const JoinOptions& options,
                         std::string& reason);

}  // namespace bench
