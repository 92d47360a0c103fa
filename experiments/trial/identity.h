#pragma once
#include "results/result.h"
#include "hydra/yaml/value.h"

namespace bench {

/// What a trial is recorded under, of a completed configuration: its id digests everything that can
/// change a number (the bytes of every file that is read, every key that is not its default, none
/// that changes nothing), and the source of every plugin that takes part stands beside it.
TrialSpec spec_of(const Value& config);

/// The dotted place of the first thing in which two identities differ: "model",
/// "tasks.boolq.bytes".
std::string first_difference(const std::string& identity, const std::string& other);

/// JSON: "criterion wanda" -> the digest of its source, for every plugin of a configuration.
std::string code_of(const Value& config);

}  // namespace bench
