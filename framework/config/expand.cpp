#include <ctime>

#include "base/error.h"
#include "config/sweep.h"

namespace bench {
namespace {

void check_complete(const Value& value, const std::string& path) {
  if (value.is_string() && value.string() == "???") {
    const auto& origin = value.origin;
    fail("{}Missing mandatory value: {}; give it one with {}=VALUE",
         origin.file.empty() ? "" : fmt::format("{}:{}: ", origin.file, origin.line), path, path);
  }
  const auto below = [&](const std::string& key) { return path.empty() ? key : path + "." + key; };
  if (value.is_list())
    for (size_t i = 0; i < value.list().size(); ++i)
      check_complete(value.list()[i], below(std::to_string(i)));
  if (value.is_map())
    for (const auto& entry : value.map()) check_complete(entry.value, below(entry.key));
}

std::string job_name(size_t index, const std::vector<std::string>& overrides) {
  std::string text;
  for (const auto& o : overrides) text += (text.empty() ? "" : " ") + o;
  return fmt::format("job {} ({})", index, text.empty() ? "no overrides" : text);
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
      if (!fixed.allow_missing) check_complete(job.config, "");
      job.choices = std::move(composition.choices);
    } catch (const Trap& trap) {
      if (!plan.is_sweep) throw;
      throw Trap(trap.number, job_name(jobs.size(), job.overrides) + ": " + trap.what());
    } catch (const Error& e) {
      if (!plan.is_sweep) throw;
      fail("{}: {}", job_name(jobs.size(), job.overrides), e.what());
    }
    jobs.push_back(std::move(job));
  }
  return jobs;
}

}  // namespace bench
