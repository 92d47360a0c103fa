// The functions of specification 1.3 (hydra/_internal/grammar/grammar_functions.py).
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>

#include "base/error.h"
#include "base/near.h"
#include "hydra/override/override.h"
#include "hydra/override/override_casts.h"
#include "hydra/override/override_sort.h"
#include "hydra/yaml/scalar.h"

namespace bench {
namespace {

using Kind = Element::Kind;

bool is_sweep(const Element& e, Sweep::Kind kind) {
  return e.kind == Kind::Sweep && e.sweep->kind == kind;
}
bool is_choice(const Element& e) {
  return is_sweep(e, Sweep::Kind::Choice) || is_sweep(e, Sweep::Kind::SimpleChoice);
}
bool is_number(const Element& e) {
  return e.kind == Kind::Plain && (e.value.is_int() || e.value.is_float() || e.value.is_bool());
}
bool is_text(const Element& e) {
  return e.kind == Kind::Quoted || (e.kind == Kind::Plain && e.value.is_string());
}
bool is_null(const Element& e) {
  return e.kind == Kind::Plain && e.value.is_null();
}

/// Arguments by name, as Python binds them; positional ones go to `names` in order.
struct Arguments {
  std::vector<Element> rest;  // of functions that take any number of positional ones
  std::map<std::string, Element> named;

  const Element* find(const std::string& name) const {
    const auto it = named.find(name);
    return it == named.end() || is_null(it->second) ? nullptr : &it->second;
  }
};

struct Function {
  const char* name;
  bool variadic;
  std::vector<std::string> parameters;  // of a variadic one: by name only
  size_t required;
};

const std::vector<Function>& functions() {
  static const std::vector<Function> kAll = {{"bool", true, {"value"}, 0},
                                             {"choice", true, {}, 0},
                                             {"extend_list", true, {}, 0},
                                             {"float", true, {"value"}, 0},
                                             {"glob", false, {"include", "exclude"}, 1},
                                             {"int", true, {"value"}, 0},
                                             {"interval", false, {"start", "end"}, 2},
                                             {"json_str", true, {"value"}, 0},
                                             {"range", false, {"start", "stop", "step"}, 1},
                                             {"shuffle", true, {"sweep", "list"}, 0},
                                             {"sort", true, {"sweep", "list", "reverse"}, 0},
                                             {"str", true, {"value"}, 0},
                                             {"tag", true, {"sweep"}, 0}};
  return kAll;
}

Arguments bind(const Function& function, const std::vector<NamedElement>& given) {
  Arguments bound;
  size_t next = 0;
  for (const auto& argument : given) {
    Element value = argument.value;
    if (value.kind == Kind::Quoted) value = plain_element(value.value);  // functions see the text
    std::string name = argument.name;
    if (name.empty() && function.variadic) {
      bound.rest.push_back(std::move(value));
      continue;
    }
    if (name.empty()) {
      if (next == function.parameters.size())
        fail("too many arguments; it takes {}", fmt::join(function.parameters, ", "));
      name = function.parameters[next++];
    }
    const auto& known = function.parameters;
    if (std::find(known.begin(), known.end(), name) == known.end())
      fail("got an unexpected argument '{}'{}", name, suggestion(name, known));
    if (!bound.named.emplace(name, std::move(value)).second)
      fail("multiple values for argument '{}'", name);
  }
  for (size_t i = 0; i < function.required; ++i)
    if (!bound.named.count(function.parameters[i]))
      fail("missing a required argument: '{}'", function.parameters[i]);
  return bound;
}

[[noreturn]] void mismatch(const std::string& argument, const char* wanted) {
  fail("mismatch type argument {}: it must be {}", argument, wanted);
}

/// One value: the positional one, `value=`, or a simple choice of several.
Element single(const Arguments& arguments) {
  const Element* named = arguments.find("value");
  if (named && !arguments.rest.empty()) fail("cannot use both position and named arguments");
  if (named) return *named;
  if (arguments.rest.empty()) fail("No positional args or value specified");
  for (size_t i = 0; i < arguments.rest.size(); ++i)
    if (is_sweep(arguments.rest[i], Sweep::Kind::Glob))
      mismatch(fmt::format("args[{}]", i), "a value or a sweep, not glob()");
  return arguments.rest.size() == 1 ? arguments.rest[0] : simple_choice(arguments.rest);
}

Element choice(const Arguments& arguments) {
  const auto& list = arguments.rest;
  if (list.empty()) fail("empty choice is not legal");
  for (size_t i = 0; i < list.size(); ++i)
    if (is_null(list[i]) || (list[i].kind == Kind::Sweep && !is_choice(list[i])))
      mismatch(fmt::format("args[{}]", i), "a value or a choice");
  Element out = simple_choice(list);
  if (list.size() == 1 && is_choice(list[0])) {
    if (is_sweep(list[0], Sweep::Kind::Choice)) fail("nesting choices is not supported");
    out.sweep = std::make_shared<Sweep>(*list[0].sweep);
  }
  out.sweep->kind = Sweep::Kind::Choice;
  return out;
}

Element range(const Arguments& arguments) {
  Element out = simple_choice({});
  Sweep& sweep = *out.sweep;
  sweep.kind = Sweep::Kind::Range;
  for (const auto& [name, value] : arguments.named)
    if (!is_number(value) && !(name == "stop" && is_null(value))) mismatch(name, "a number");
  sweep.start = arguments.named.at("start").value;
  if (const Element* stop = arguments.find("stop")) {
    sweep.stop = stop->value;
  } else {
    sweep.stop = sweep.start;
    sweep.start = 0;
  }
  if (const Element* step = arguments.find("step")) sweep.step = step->value;
  return out;
}

Element interval(const Arguments& arguments) {
  Element out = simple_choice({});
  out.sweep->kind = Sweep::Kind::Interval;
  for (const char* name : {"start", "end"})
    if (!is_number(arguments.named.at(name))) mismatch(name, "a number");
  out.sweep->start = cast_value(arguments.named.at("start").value, Cast::Float);
  out.sweep->stop = cast_value(arguments.named.at("end").value, Cast::Float);
  return out;
}

std::vector<std::string> patterns(const Element* e, const char* name) {
  std::vector<std::string> out;
  if (!e) return out;
  if (!is_text(*e) && e->kind != Kind::List) mismatch(name, "a text or a list of texts");
  for (const auto& item : e->kind == Kind::List ? e->items : std::vector<Element>{*e}) {
    if (!is_text(item)) mismatch(name, "a text or a list of texts");
    out.push_back(item.value.string());
  }
  return out;
}

Element glob(const Arguments& arguments) {
  Element out = simple_choice({});
  out.sweep->kind = Sweep::Kind::Glob;
  if (is_null(arguments.named.at("include"))) mismatch("include", "a text or a list of texts");
  out.sweep->include = patterns(arguments.find("include"), "include");
  out.sweep->exclude = patterns(arguments.find("exclude"), "exclude");
  return out;
}

Element tag(const Arguments& arguments) {
  auto all = arguments.rest;
  if (all.empty()) fail("Not enough arguments to tag, must take at least a sweep");
  if (const Element* sweep = arguments.find("sweep")) all.push_back(*sweep);
  for (size_t i = 0; i < all.size(); ++i)
    if (!is_text(all[i]) && (all[i].kind != Kind::Sweep || is_sweep(all[i], Sweep::Kind::Glob)))
      mismatch(fmt::format("args[{}]", i), "a text or, at the end, a sweep");
  if (all.back().kind != Kind::Sweep)
    fail("Last argument to tag() must be a choice(), range() or interval()");
  Element out = all.back();
  out.sweep = std::make_shared<Sweep>(*out.sweep);
  out.sweep->tags.clear();
  for (size_t i = 0; i + 1 < all.size(); ++i) {
    if (!is_text(all[i])) fail("tag arguments type must be string, got a sweep");
    out.sweep->tags.insert(all[i].value.string());
  }
  return out;
}

Element evaluate(const Function& function, const Arguments& arguments) {
  const std::string name = function.name;
  if (name == "int") return cast_element(single(arguments), Cast::Int);
  if (name == "float") return cast_element(single(arguments), Cast::Float);
  if (name == "str") return cast_element(single(arguments), Cast::Str);
  if (name == "bool") return cast_element(single(arguments), Cast::Bool);
  if (name == "json_str") return json_str(single(arguments));
  if (name == "choice") return choice(arguments);
  if (name == "range") return range(arguments);
  if (name == "interval") return interval(arguments);
  if (name == "glob") return glob(arguments);
  if (name == "tag") return tag(arguments);
  if (name == "extend_list") {
    Element out;
    out.kind = Kind::List;
    out.items = arguments.rest;
    return out;
  }
  auto given = arguments.rest;
  if (const Element* sweep = arguments.find("sweep")) {
    if (sweep->kind != Kind::Sweep) mismatch("sweep", "a choice or a range");
    given = {*sweep};
  }
  const Element* list = arguments.find("list");
  if (list && list->kind != Kind::List) mismatch("list", "a list");
  if (name == "shuffle") return shuffle_elements(given, list);
  const auto reverse = arguments.named.find("reverse");
  if (reverse != arguments.named.end() && !reverse->second.value.is_bool())
    mismatch("reverse", "true or false");
  return sort_elements(
      given, list, reverse != arguments.named.end() && std::get<bool>(reverse->second.value.data));
}

}  // namespace

Element call_function(const std::string& name, const std::vector<NamedElement>& given,
                      const std::string& text) {
  std::vector<std::string> known;
  for (const auto& function : functions()) {
    known.push_back(function.name);
    if (name != function.name) continue;
    try {
      return evaluate(function, bind(function, given));
    } catch (const Error& e) {
      fail("while evaluating '{}': {}", text, e.what());
    }
  }
  fail("Unknown function '{}'{}\nAvailable: {}", name, suggestion(name, known),
       fmt::join(known, ","));
}

}  // namespace bench
