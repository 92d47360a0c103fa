#include <ctime>

#include "base/error.h"
#include "hydra/compose/sweep.h"

namespace bench {
namespace {

/// The first value that is still `???`, null if there is none. Its path is built on the way back.
const Value* first_missing(const Value& value, std::string& path) {
  if (value.is_string()) return value.string() == "???" ? &value : nullptr;
  const Value* found = nullptr;
  const auto is_here = [&](const Value& child, const auto& name) {
    found = first_missing(child, path);
    if (found) path = fmt::format("{}{}{}", name, path.empty() ? "" : ".", path);
    return found != nullptr;
  };
  if (value.is_list())
    for (size_t i = 0; i < value.list().size(); ++i)
      if (is_here(value.list()[i], i)) return found;
  if (value.is_map())
    for (const auto& entry : value.map())
      if (is_here(entry.value, entry.key)) return found;
  return nullptr;
}

void check_complete(const Value& config) {
  std::string path;
  const Value* missing = first_missing(config, path);
  if (!missing) return;
  fail("{}Missing mandatory value: {}; give it one with {}=VALUE", where(*missing), path, path);
}

std::string job_name(size_t index, const std::string& origin,
                     const std::vector<std::string>& overrides) {
  std::string text;
  for (const auto& o : overrides) text += (text.empty() ? "" : " ") + o;
  return fmt::format("job {}{} ({})", index, origin, text.empty() ? "no overrides" : text);
}

}  // namespace

std::vector<Job> expand(const ComposeRequest& request) {
  ComposeRequest fixed = request;
  if (fixed.now == 0) fixed.now = std::time(nullptr);  // one time for all jobs
  Composer composer(fixed);
  const auto plan = plan_sweep(composer);
  std::vector<Job> jobs;
  jobs.reserve(plan.jobs.size());
  for (const auto& overrides : plan.jobs) {
    Job job;
    for (const auto& o : overrides) job.overrides.push_back(o.input);
    try {
      auto composition = composer.compose(overrides, false);
      job.config = resolve(composition.config, composition.context(fixed.now));
      if (!fixed.allow_missing) check_complete(job.config);
      job.choices = std::move(composition.choices);
    } catch (const Trap& trap) {
      if (!plan.is_sweep) throw;
      throw Trap(trap.number,
                 job_name(jobs.size(), plan.origin, job.overrides) + ": " + trap.what());
    } catch (const Error& e) {
      if (!plan.is_sweep) throw;
      fail("{}: {}", job_name(jobs.size(), plan.origin, job.overrides), e.what());
    }
    jobs.push_back(std::move(job));
  }
  return jobs;
}

}  // namespace bench
