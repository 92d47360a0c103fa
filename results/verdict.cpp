#include "results/verdict.h"

#include <fmt/format.h>

namespace bench {

namespace {

const Rule* rule_of(const std::string& id) {
  for (const auto& rule : rules()) {
    if (rule.id == id) return &rule;
  }
  return nullptr;
}

std::string head_of(const std::string& task, const std::string& protocol) {
  return fmt::format("{} · {}: ", task, protocol);
}

}  // namespace

const std::vector<Rule>& rules() {
  using enum Rule::Effect;
  using enum Rule::Scope;
  static const std::vector<Rule> all{
      {"seeds", Invalid, Trial, "the seed reaches every random source, and all seeds are there"},
      {"mask_holds", Invalid, Trial, "no weight outside its mask, after every stage"},
      {"nm_holds", Invalid, Trial, "every group of m keeps at most n, after every stage"},
      {"sparsity_reached", Invalid, Trial, "as much is gone as was asked for"},
      {"reruns_disagree", Invalid, Trial, "the same code measures the same when it runs again"},
      {"audit", Invalid, Trial, "run again on another day, it measured the same"},
      {"dataset_hash", Invalid, Task, "the data has the bytes of what its name claims"},
      {"row_count", Invalid, Task, "and its number of rows or documents"},
      {"window_count", Invalid, Task, "and as many windows as they give"},
      {"tokenizer_hash", Invalid, Task, "the tokenizer is the model's, in the protocol's variant"},
      {"dense_gate", Invalid, Task, "the dense model measures what is recorded for it"},
      {"calibration_leak", Warns, Task, "calibration and evaluation share no text and no source"}};
  return all;
}

VerdictRow task_verdict(const std::string& rule, bool ok, const std::string& task,
                        const std::string& protocol, const std::string& detail) {
  return {rule, ok, head_of(task, protocol) + detail};
}

bool concerns(const VerdictRow& verdict, const std::string& task, const std::string& protocol) {
  const Rule* rule = rule_of(verdict.rule);
  if (!rule || rule->scope == Rule::Scope::Trial) return true;
  return verdict.detail.rfind(head_of(task, protocol), 0) == 0;
}

bool only_warns(const VerdictRow& verdict) {
  const Rule* rule = rule_of(verdict.rule);
  return rule && rule->effect == Rule::Effect::Warns;
}

}  // namespace bench
