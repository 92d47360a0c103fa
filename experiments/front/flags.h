#pragma once
#include <map>
#include <string>
#include <vector>

#include "base/error.h"

namespace bench::front {

/// The command line is wrong: exit code 2. Everything else that fails is 1.
struct Usage : Error {
  using Error::Error;
};

/// Calls, and makes of an Error a Usage: for calls that fail by the user's words only.
template <class F>
auto as_usage(F&& call) {
  try {
    return call();
  } catch (const Error& e) {
    throw Usage(e.what());
  }
}

struct Flag {
  std::string name;   // "--db"
  std::string value;  // what stands for its value in the help, "PATH"; empty: a switch
  std::string doc;
  bool repeats = false;
  std::vector<std::string> also = {};     // shorter names, "-c"
  std::vector<std::string> choices = {};  // the only values, if not empty
  std::string alone = {};                 // its value where none follows; empty: one must follow
};

struct Options;

struct Verb {
  std::string name;
  std::string usage;  // what follows the name: "TRIAL", "CONFIG [KEY=VALUE]..."
  std::string doc;
  size_t least = 0, most = 0;  // number of arguments that are no flags
  std::vector<Flag> flags;
  int (*run)(const Options&) = nullptr;  // null: bench-engine does it
  bool script = false;  // the script `bench` of the checkout does it, with the words as they are
};

struct Options {
  std::string verb;
  std::vector<std::string> arguments;
  std::map<std::string, std::vector<std::string>> flags;

  bool has(const std::string& flag) const { return flags.count(flag) > 0; }
  std::string get(const std::string& flag, const std::string& fallback) const;
  std::vector<std::string> all(const std::string& flag) const;
};

/// Reads what follows the verb: "--flag value", "--flag=value", "--" ends the flags.
Options parse(const Verb& verb, const std::vector<std::string>& words);

std::string help_of(const Verb& verb);
std::string help_of(const std::vector<Verb>& verbs);

}  // namespace bench::front
