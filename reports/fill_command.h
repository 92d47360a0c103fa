#pragma once
#include "reports/reproduce.h"

namespace bench {

/// The overrides of configs/reproduce.yaml that measure what a row prints; none and a reason where
/// nothing here can. FILE and FOLDER stand for what the user has to name.
std::vector<std::string> fill_overrides(const PublishedRow& row,
                                        const std::vector<std::string>& tasks, int64_t window,
                                        const Published& published, const JoinOptions& options,
                                        std::string& reason);
/// The same as a command for a shell; "" for none.
std::string fill_command(const std::vector<std::string>& overrides);
/// A configuration that sweeps over all of them, each once; those that the user has to complete are
/// left out.
std::string fill_sweep(const std::vector<std::vector<std::string>>& missing);

}  // namespace bench
