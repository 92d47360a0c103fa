#pragma once
#include <string>
#include <vector>

#include "results/result.h"

namespace bench {

/// What a verdict's rule checks and what follows where it fails. The ids are for ever: they stand
/// in databases. What each says in full: docs/validity.md.
struct Rule {
  enum class Effect {
    Invalid,  // the number stays, marked INVALID, and is nobody's best
    Warns     // marked LEAK, and nobody's best
  };
  enum class Scope {
    Trial,  // every number of the trial
    Task    // numbers of one task by one protocol; the detail begins with "TASK · PROTOCOL: "
  };
  std::string id;
  Effect effect;
  Scope scope;
  std::string holds;  // what is true where it holds
};

/// All rules, in the order of a trial.
const std::vector<Rule>& rules();

/// A verdict about the numbers of one task by one protocol.
VerdictRow task_verdict(const std::string& rule, bool ok, const std::string& task,
                        const std::string& protocol, const std::string& detail);

/// Is it about the numbers of that task by that protocol? A rule that is not known speaks of all.
bool concerns(const VerdictRow& verdict, const std::string& task, const std::string& protocol);

/// Does a failure only warn?
bool only_warns(const VerdictRow& verdict);

}  // namespace bench
