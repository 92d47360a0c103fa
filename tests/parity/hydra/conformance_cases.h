#pragma once
// One record of the conformance data in, its outcome out; conformance.cpp drives these.
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "hydra/interpolation/interpolation.h"
#include "hydra/yaml/value.h"

namespace bench::conformance {

using Record = nlohmann::ordered_json;

struct Outcome {
  enum class State { Passed, Failed, Refused, Skipped } state = State::Passed;
  std::string why;
};

inline Outcome passed() {
  return {};
}
inline Outcome failed(std::string why) {
  return {Outcome::State::Failed, std::move(why)};
}
inline Outcome refused(std::string why) {
  return {Outcome::State::Refused, std::move(why)};
}
inline Outcome skipped(std::string why) {
  return {Outcome::State::Skipped, std::move(why)};
}

/// JSON of the records (their README, "Common conventions") as a Value.
Value to_value(const Record& json);
/// By content; the order of keys does not count, types do, nan equals nan.
bool same(const Value& a, const Value& b);
/// Environment of the record: its `env`, nothing else.
ResolveContext context_of(const Record& record);
std::string text_of(const Record& record, const char* field);

/// An operation that must fail did: does the message say what the record wants?
Outcome check_error(const Record& record, const std::string& message);

Outcome run_yaml(const Record& record);
Outcome run_interpolation(const Record& record);
Outcome run_merge(const Record& record);
Outcome run_override(const Record& record);
Outcome run_defaults(const Record& record, const std::filesystem::path& folder);
Outcome run_multirun(const Record& record, const std::filesystem::path& folder);

}  // namespace bench::conformance
