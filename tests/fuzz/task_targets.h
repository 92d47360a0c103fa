#pragma once
// Templates and task files from any bytes: a rendering ends, within its budget, or is refused with
// bench::Error.
#include "base/error.h"
#include "tasks/definition.h"

namespace bench::fuzz {

inline const Value& document() {
  static const Value all = Value::Map{
      {"query", "What is 2+2? "},
      {"choices",
       Value::Map{{"text", Value::List{"three", "four é"}}, {"label", Value::List{"A", "B"}}}},
      {"answer", "B"},
      {"label", 1},
      {"score", 1.5},
      {"numbers", Value::List{3, 1, 2}},
      {"nothing", Value()}};
  return all;
}

inline void template_text(const std::string& source) {
  try {
    const text::Template one(source, "fuzz");
    one.render(document());
    one.evaluate(document());
  } catch (const Error&) {
  }
}

inline void task_text(const std::string& yaml) {
  try {
    const auto task = parse_task(yaml, "/nowhere/fuzz.yaml");
    const bool choices = task.choice.given();
    if (task.text.given()) task.text.text_of(document(), choices);
    if (task.target.given()) task.target.target_of(document(), choices);
    if (choices) task.choice.list_of(document());
  } catch (const Error&) {
  }
}

}  // namespace bench::fuzz
