#pragma once
#include <exception>
#include <string>

namespace bench {

/// Why something did not work, in words for a person.
struct Reason {
  std::string text;
  bool memory = false;  ///< there was not enough of it: told apart from a mistake and from a crash
};

/// The reason that an exception of ours or of a library gives: no stack frames, no names of types,
/// one place for all of them.
Reason reason_of(const std::exception& e);

}  // namespace bench
