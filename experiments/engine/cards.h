#pragma once
#include <string>

namespace bench::engine {

/// What a method is, beside what it says of itself where it is registered (config/about.h): for
/// people. Lines "# formula: ..." at the head of its file in configs/, which is part of the method
/// as its source is: there is no list.
struct Card {
  std::string formula;   // lowest goes first where it is a score
  std::string axis;      // "criterion", the survey's third axis: magnitude, norm, sensitivity ...
  std::string recorded;  // results of its authors' code that `bench verify` replays, how many agree
  std::string sweep;     // the command that reproduces its paper's main table, or what is nearest
};

/// Empty where no shipped configuration is of it, as of plugins from elsewhere.
Card card_of(const std::string& kind, const std::string& name);

/// docs/methods.md: criteria, allocators, updates and stages as tables.
std::string methods_page();

}  // namespace bench::engine
