#pragma once
#include <fmt/format.h>

#include <source_location>
#include <stdexcept>
#include <string>
#include <utility>

namespace bench {

/// The one exception type of the project: a sentence for a person, with what they can do about it.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <class... Args>
[[noreturn]] void fail(fmt::format_string<Args...> text, Args&&... args) {
  throw Error(fmt::format(text, std::forward<Args>(args)...));
}

/// For what only a bug in this project can break. Never for user input: use fail().
inline void require(bool ok, const char* what,
                    std::source_location at = std::source_location::current()) {
  if (!ok) fail("{}:{}: internal check failed: {}", at.file_name(), at.line(), what);
}

}  // namespace bench
