#include "hydra/compose/sweep.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "base/near.h"
#include "hydra/yaml/scalar.h"

namespace bench {
namespace {

/// What a key names whatever its prefix: `seed`, `+seed` and `++seed` are one.
std::string bare_key(const Override& o) {
  return o.key + (o.package ? "@" + *o.package : "");
}

Override with_value(const Override& key, const Element& value) {
  Override o = key;
  o.value = value;
  o.input = o.key_text() + "=" + element_text(value);
  return o;
}

SweepAxis fixed_axis(const Override& o) {
  SweepAxis axis;
  axis.origin = "'" + o.input + "'";
  axis.keys.push_back(o);
  axis.values.push_back({o.value ? *o.value : Element()});
  return axis;
}

/// Plans one sweep: the command line over the block, the block over nothing.
class Planner {
 public:
  explicit Planner(Composer& composer) : composer_(composer) {}

  SweepPlan plan() {
    const auto overrides = parse_overrides(composer_.request().overrides);
    const bool multirun = composer_.request().multirun;
    check_sweeps_allowed(overrides, multirun);
    for (const auto& o : overrides) (is_setting(o) ? settings_ : command_line_).push_back(o);
    check_twice();
    const auto defaults = composer_.compose(fixed_overrides(), true);
    const Value* seed = defaults.config.find("seed");
    if (seed && seed->is_int())
      composer_.sweep_seed = static_cast<uint64_t>(std::get<int64_t>(seed->data));
    auto items = read_sweep_block(defaults.sweep, composer_);
    const bool block = !items.empty();
    if (items.empty()) items.emplace_back();
    if (multirun) add_sweeper_params(defaults.settings, items.front());
    SweepPlan plan;
    plan.is_sweep = block || multirun;
    if (block)
      plan.origin =
          fmt::format(" of {}:{}", defaults.sweep.origin.file, defaults.sweep.origin.line);
    if (!plan.is_sweep) {
      plan.jobs.push_back(overrides);
      return plan;
    }
    collapse();
    for (auto& item : items) {
      check_axes(item);
      if (item.when.is_null())
        append_product(item);
      else
        refine(item, defaults);
    }
    for (auto& job : jobs_) job.insert(job.end(), settings_.begin(), settings_.end());
    plan.jobs = std::move(jobs_);
    return plan;
  }

 private:
  using Jobs = std::vector<std::vector<Override>>;

  std::vector<Override> fixed_overrides() const {
    std::vector<Override> fixed = settings_;
    for (const auto& o : command_line_)
      if (!o.is_sweep()) fixed.push_back(o);
    return fixed;
  }

  /// Trap T4: of two sweeps over one key, Hydra silently takes the last.
  void check_twice() const {
    std::map<std::string, std::string> seen;
    for (const auto& o : command_line_) {
      if (!o.is_sweep()) continue;
      const auto [it, is_new] = seen.emplace(bare_key(o), o.input);
      if (!is_new)
        throw Trap(4, fmt::format("'{}' and '{}' both sweep '{}'; keep one", it->second, o.input,
                                  bare_key(o)));
    }
  }

  /// hydra.sweeper.params: text in the sweep grammar; the command line replaces a key in place.
  void add_sweeper_params(const Value& settings, SweepItem& item) const {
    const Value* sweeper = settings.find("sweeper");
    const Value* params = sweeper ? sweeper->find("params") : nullptr;
    if (!params || !params->is_map()) return;
    for (const auto& [key, value, kind] : params->map()) {
      if (value.is_null()) continue;
      const Value text = value.is_string() ? value : Value(element_text(element_of(value)));
      item.axes.push_back(read_axis(key, text, composer_));
    }
  }

  /// One override per key, at the place of the first and with the value of the last, as Hydra's
  /// sweeper does it (basic_sweeper.py).
  void collapse() {
    std::vector<Override> kept;
    for (auto& o : command_line_) {
      const auto same = std::find_if(kept.begin(), kept.end(), [&](const Override& old) {
        return old.key_text() == o.key_text();
      });
      if (same == kept.end())
        kept.push_back(o);
      else
        *same = o;
    }
    command_line_ = std::move(kept);
    // A job is written in the grammar again, whatever the user's spelling was.
    for (auto& o : command_line_)
      if (o.value && !o.is_sweep()) o = with_value(o, *o.value);
  }

  static void check_axes(const SweepItem& item) {
    std::map<std::string, std::string> seen;
    for (const auto& axis : item.axes)
      for (const auto& key : axis.keys) {
        const auto [it, is_new] = seen.emplace(bare_key(key), axis.origin);
        if (!is_new)
          throw Trap(4, fmt::format("{} and {} both sweep '{}'; keep one", it->second, axis.origin,
                                    bare_key(key)));
      }
  }

  SweepAxis axis_for(const Override& o) const {
    return o.is_sweep() ? axis_of(o, composer_) : fixed_axis(o);
  }

  /// The item's axes with the command line's in their place, then the rest of the command line.
  std::vector<SweepAxis> effective_axes(const SweepItem& item, bool with_rest) const {
    std::vector<SweepAxis> axes;
    std::set<std::string> taken;
    for (const auto& axis : item.axes) {
      SweepAxis kept;
      kept.origin = axis.origin;
      for (size_t k = 0; k < axis.keys.size(); ++k) {
        const auto bare = bare_key(axis.keys[k]);
        const auto given = std::find_if(command_line_.begin(), command_line_.end(),
                                        [&](const Override& o) { return bare_key(o) == bare; });
        if (given == command_line_.end()) {
          kept.keys.push_back(axis.keys[k]);
          kept.values.push_back(axis.values[k]);
        } else if (with_rest) {
          axes.push_back(axis_for(*given));
          taken.insert(bare);
        }
      }
      if (!kept.keys.empty()) axes.push_back(std::move(kept));
    }
    if (with_rest)
      for (const auto& o : command_line_)
        if (!taken.count(bare_key(o))) axes.push_back(axis_for(o));
    return axes;
  }

  /// Every combination, the last axis fastest.
  Jobs product(const std::vector<SweepAxis>& axes) const {
    size_t count = 1;
    for (const auto& axis : axes) {
      count *= axis.size();
      if (count > kMaxJobs) fail("the sweep has more than {} jobs; split it", kMaxJobs);
    }
    Jobs jobs;
    jobs.reserve(count);
    std::vector<size_t> at(axes.size(), 0);
    for (size_t job = 0; job < count; ++job) {
      std::vector<Override> overrides;
      for (size_t a = 0; a < axes.size(); ++a)
        for (size_t k = 0; k < axes[a].keys.size(); ++k) {
          const auto& key = axes[a].keys[k];
          const bool bare_deletion = axes[a].keys.size() == 1 && !key.value && !key.input.empty() &&
                                     key.type == Override::Type::Delete &&
                                     key.input.find('=') == std::string::npos;
          overrides.push_back(bare_deletion ? key : with_value(key, axes[a].values[k][at[a]]));
        }
      jobs.push_back(std::move(overrides));
      for (size_t a = axes.size(); a-- > 0 && ++at[a] == axes[a].size();) at[a] = 0;
    }
    return jobs;
  }

  void append_product(const SweepItem& item) {
    auto more = product(effective_axes(item, true));
    if (jobs_.size() + more.size() > kMaxJobs)
      fail("the sweep has more than {} jobs; split it", kMaxJobs);
    std::move(more.begin(), more.end(), std::back_inserter(jobs_));
  }

  /// Each job where the condition holds becomes that job times the item's product, in its place.
  void refine(const SweepItem& item, const Composition& defaults) {
    const auto axes = effective_axes(item, false);
    if (axes.empty()) return;
    const auto more = product(axes);
    Jobs result;
    for (auto& job : jobs_) {
      if (!holds(item.when, job, defaults)) {
        result.push_back(std::move(job));
        continue;
      }
      check_not_swept(job, axes);
      for (const auto& extra : more) {
        result.push_back(job);
        result.back().insert(result.back().end(), extra.begin(), extra.end());
        if (result.size() > kMaxJobs) fail("the sweep has more than {} jobs; split it", kMaxJobs);
      }
    }
    jobs_ = std::move(result);
  }

  static void check_not_swept(const std::vector<Override>& job,
                              const std::vector<SweepAxis>& axes) {
    for (const auto& axis : axes)
      for (const auto& key : axis.keys)
        for (const auto& o : job)
          if (bare_key(o) == bare_key(key))
            throw Trap(4,
                       fmt::format("{} sweeps '{}', which the jobs it refines already set ('{}'); "
                                   "keep one",
                                   axis.origin, bare_key(key), o.input));
  }

  static bool holds(const Value& when, const std::vector<Override>& job,
                    const Composition& defaults) {
    return std::all_of(when.map().begin(), when.map().end(), [&](const Value::Entry& condition) {
      const auto value = value_in(condition, job, defaults);
      if (condition.value.is_list() && !value.is_list()) {
        const auto& any = condition.value.list();
        return std::find(any.begin(), any.end(), value) != any.end();
      }
      return value == condition.value;
    });
  }

  /// What the key is in that job: what the job sets, else the option of that group, else the value
  /// in the configuration without the sweep.
  static Value value_in(const Value::Entry& condition, const std::vector<Override>& job,
                        const Composition& defaults) {
    for (auto it = job.rbegin(); it != job.rend(); ++it)
      if (bare_key(*it) == condition.key) return it->plain_value();
    const auto choice = defaults.choices.find(condition.key);
    if (choice != defaults.choices.end()) return choice->second;
    const auto found = select(defaults.config, condition.key, defaults.context());
    if (found.state == Selected::State::Found) return found.value;
    std::vector<std::string> known;
    for (const auto& [group, option] : defaults.choices) known.push_back(group);
    for (const auto& entry : defaults.config.map()) known.push_back(entry.key);
    for (const auto& o : job) known.push_back(bare_key(o));
    std::sort(known.begin(), known.end());
    known.erase(std::unique(known.begin(), known.end()), known.end());
    fail("{}sweep.when: unknown key '{}'{}", where(condition.value), condition.key,
         suggestion(condition.key, known));
  }

  Composer& composer_;
  std::vector<Override> command_line_, settings_;
  Jobs jobs_;
};

}  // namespace

SweepPlan plan_sweep(Composer& composer) {
  return Planner(composer).plan();
}

}  // namespace bench
