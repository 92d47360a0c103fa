#pragma once
#include <ctime>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "hydra/yaml/value.h"

namespace bench {

/// A parsed text with interpolations (specification 4; grammar: OmegaConfGrammarParser.g4).
struct Expression {
  enum class Kind {
    Literal,  // `value`
    Join,     // str() of the parts, one after the other
    Key,      // ${a.b}: parts make the key's text, `text` holds the leading dots
    Call,     // ${name:args}: `count` parts make the name, the others are its arguments
    List,     // [parts]
    Dict      // {key: value, ...} as alternating parts
  };
  Kind kind = Kind::Literal;
  Value value;
  std::string text;
  size_t count = 0;
  std::vector<Expression> parts;
};

inline bool has_interpolation(const std::string& text) {
  return text.find("${") != std::string::npos;
}
/// The rule configValue: text with interpolations in it.
Expression parse_interpolated(const std::string& text);
/// The same, remembered: the jobs of a sweep hold the same texts.
std::shared_ptr<const Expression> parsed(const std::string& text);
/// The rule singleElement: what oc.decode reads.
Expression parse_element(const std::string& text);
/// An Error with a caret if the text's interpolations are malformed.
void check_interpolation_syntax(const std::string& text);

/// "a.b[0].c" -> {"a", "b", "0", "c"}; a backslash before . [ ] = makes it part of the key.
std::vector<std::string> split_key(const std::string& path);

/// What resolvers read besides the configuration itself.
struct ResolveContext {
  std::function<std::optional<std::string>(const std::string&)> env;  // default: the environment
  Value settings;                                                     // ${hydra:key}
  std::string override_dirname;                                       // ${hydra_override_dirname:}
  std::time_t now = 0;                           // ${now:%Y}; 0: the time of the first use
  std::vector<std::string>* warnings = nullptr;  // oc.deprecated adds to it
};

/// Every interpolation resolved, recursively; `???` stays.
Value resolve(const Value& root, const ResolveContext& context = {});

/// A text with interpolations, as if it stood at the top of that configuration.
Value resolve_text(const Value& root, const std::string& text, const ResolveContext& context = {});

struct Selected {
  enum class State { Found, Missing, Absent } state = State::Absent;  // Missing: it is `???`
  Value value;                                                        // resolved
};
/// The node at a key path, as OmegaConf.select.
Selected select(const Value& root, const std::string& path, const ResolveContext& context = {});

}  // namespace bench
