#pragma once
#include <memory>
#include <string>
#include <vector>

#include "core/stage.h"
#include "results/result.h"

namespace bench {

// `before` and `after` of a trial: maps of label -> stage, run in their order; `after` behind every
// target of the schedule.

/// Completes both parts by the stages' own schemas.
void complete_stages(Value& config, std::vector<std::string>& mistakes);
using Stages = std::vector<std::pair<std::string, std::unique_ptr<Stage>>>;
Stages stages_from(const Value& config, const std::string& part);
bool has_stages(const Value& config);
/// Checks every stage, its data included.
void check_stages(const Value& config, const Method& method);
/// Whether one of them reads the trial's calibration data.
bool stages_calibrate(const Value& config);
/// Throws Error where the criterion needs a stage that `before` does not hold.
void check_required_stage(const Value& config, const Method& method);
/// What of them and of the schedule is part of the trial's identity: settings and bytes of files.
void add_stage_identity(const Value& config, Value& identity);
/// "exponential100+train+rewind": schedule and labels for the method's name in tables.
std::string stage_labels(const Value& config);
/// The targets that the trial's schedule goes through.
std::vector<double> targets_of(const Value& config);
/// A file of a trial's stage that is only there while it is unfinished: BENCH_STATE, or out/state.
std::string state_file(const Value& config, const std::string& part, size_t round,
                       const std::string& label);

/// Runs the stages of one part. Their figures go to the outcome's notes, a JSON map a stage.
void run_stages(const Value& config, const std::string& part, size_t round, StageContext context,
                Outcome& out,
                const std::function<void(const std::string& label, int64_t, int64_t)>& progress);

}  // namespace bench
