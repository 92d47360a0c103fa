// int(), float(), str(), bool() and json_str() (hydra grammar_functions.py).
#include "hydra/override/override_casts.h"

#include <cctype>
#include <cmath>

#include "base/error.h"
#include "hydra/yaml/scalar.h"

namespace bench {
namespace {

using Kind = Element::Kind;

std::string trimmed(const std::string& text) {
  const auto from = text.find_first_not_of(" \t\n\r\f\v");
  if (from == std::string::npos) return "";
  return text.substr(from, text.find_last_not_of(" \t\n\r\f\v") + 1 - from);
}

bool python_digits(const std::string& text) {
  return !text.empty() && text.find("__") == std::string::npos && text.front() != '_' &&
         text.back() != '_';
}

Value to_int(const Value& v) {
  if (v.is_int()) return v;
  if (v.is_bool()) return std::get<bool>(v.data) ? 1 : 0;
  if (v.is_float()) {
    const double d = std::get<double>(v.data);
    if (!std::isfinite(d)) fail("cannot convert float {} to integer", python_float(d));
    if (std::abs(d) >= 9.2e18) fail("{} does not fit 64 bits", python_float(d));
    return static_cast<int64_t>(d);
  }
  if (v.is_string())
    if (const auto number = python_int(v.string())) return *number;
  fail("invalid literal for int(): {}", python_repr(v));
}

Value to_float(const Value& v) {
  if (v.is_float()) return v;
  if (v.is_int()) return static_cast<double>(std::get<int64_t>(v.data));
  if (v.is_bool()) return std::get<bool>(v.data) ? 1.0 : 0.0;
  if (v.is_string() && python_digits(trimmed(v.string())))
    if (const auto number = parse_float(trimmed(v.string()))) return *number;
  fail("could not convert to float: {}", python_repr(v));
}

Value to_bool(const Value& v) {
  if (v.is_null()) return false;
  if (v.is_bool()) return v;
  if (v.is_int()) return std::get<int64_t>(v.data) != 0;
  if (v.is_float()) return std::get<double>(v.data) != 0;
  std::string lower;
  for (const char c : v.string())
    lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (lower == "true" || lower == "false") return lower == "true";
  fail("Cannot cast '{}' to bool", v.string());
}

Value to_str(const Value& v) {
  if (v.is_null()) fail("null cannot be cast to str");
  if (v.is_bool()) return std::get<bool>(v.data) ? "true" : "false";
  return python_str(v);
}

}  // namespace

Value cast_value(const Value& v, Cast cast) {
  switch (cast) {
    case Cast::Int:
      return to_int(v);
    case Cast::Float:
      return to_float(v);
    case Cast::Bool:
      return to_bool(v);
    default:
      return to_str(v);
  }
}

Element cast_element(const Element& e, Cast cast) {
  if (e.kind == Kind::Plain || e.kind == Kind::Quoted)
    return plain_element(cast_value(e.value, cast));
  Element out = e;
  if (e.kind == Kind::List) {
    for (auto& item : out.items) item = cast_element(item, cast);
    return out;
  }
  if (e.kind == Kind::Map) {
    for (size_t i = 1; i < out.items.size(); i += 2)
      out.items[i] = cast_element(out.items[i], cast);
    return out;
  }
  out.sweep = std::make_shared<Sweep>(*e.sweep);
  Sweep& sweep = *out.sweep;
  const bool numeric = cast == Cast::Int || cast == Cast::Float;
  switch (sweep.kind) {
    case Sweep::Kind::Choice:
    case Sweep::Kind::SimpleChoice:
      for (auto& item : sweep.list) item = cast_element(item, cast);
      sweep.tags.clear();  // as Hydra's cast_choice and cast_range do
      sweep.shuffle = false;
      return out;
    case Sweep::Kind::Range:
      if (!numeric) fail("Range can only be cast to int or float");
      for (Value* v : {&sweep.start, &sweep.stop, &sweep.step}) *v = cast_value(*v, cast);
      sweep.tags.clear();
      sweep.shuffle = false;
      return out;
    case Sweep::Kind::Interval:
      if (!numeric) fail("Intervals cannot be cast to {}", cast == Cast::Str ? "str" : "bool");
      for (Value* v : {&sweep.start, &sweep.stop}) *v = cast_value(*v, cast);
      return out;
    case Sweep::Kind::Glob:
      break;
  }
  fail("mismatch type argument args[0]: it must be a value or a sweep, not glob()");
}

namespace {

std::string json_text(const Element& e) {
  std::string out;
  if (e.kind == Kind::List) {
    for (const auto& item : e.items) out += (out.empty() ? "" : ", ") + json_text(item);
    return "[" + out + "]";
  }
  if (e.kind == Kind::Map) {
    for (size_t i = 0; i < e.items.size(); i += 2) {
      const auto key = json_text(e.items[i]);
      out += (out.empty() ? "" : ", ") + (key[0] == '"' ? key : '"' + key + '"') + ": " +
             json_text(e.items[i + 1]);
    }
    return "{" + out + "}";
  }
  if (e.kind == Kind::Sweep) fail("a sweep inside a value has no JSON text");
  if (!e.value.is_float()) return to_json(e.value);
  const double d = std::get<double>(e.value.data);
  return std::isnan(d)   ? "NaN"
         : std::isinf(d) ? (d > 0 ? "Infinity" : "-Infinity")
                         : python_float(d);
}

}  // namespace

Element json_str(const Element& e) {
  if (e.kind != Kind::Sweep) return plain_element(json_text(e));
  if (e.sweep->kind == Sweep::Kind::Interval) fail("Intervals cannot be cast to json_str");
  if (e.sweep->kind == Sweep::Kind::Range) fail("Range can only be cast to int or float");
  Element out = e;
  out.sweep = std::make_shared<Sweep>(*e.sweep);
  for (auto& item : out.sweep->list) item = json_str(item);
  return out;
}

}  // namespace bench
