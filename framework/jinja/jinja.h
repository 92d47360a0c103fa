#pragma once
#include <memory>
#include <string>

#include "hydra/yaml/value.h"

namespace bench::text {

namespace jinja {
struct Body;
}

/// A template in the part of Jinja that lm-eval's task files use: {{ }} with expressions, filters,
/// tests, methods of str, list and dict; {% if %}, {% for %}, {% set %}, {% raw %}, {# #};
/// {%- and -%}. As lm-eval sets it up: an undefined name is an Error, a trailing newline is kept.
/// Rendering is bounded (steps, bytes of output), so no template can hang or fill the memory.
class Template {
 public:
  /// Task: as lm-eval sets it up. Chat: as transformers renders chat templates: the line end behind
  /// a block and the blanks before it are nothing, an undefined name is empty, {% break %},
  /// {% continue %}, {% generation %} and raise_exception(text) are there.
  enum class Style { Task, Chat };
  /// `where` names the template in errors: file and key.
  explicit Template(const std::string& source, const std::string& where = "template",
                    Style style = Style::Task);
  ~Template();
  Template(Template&&) noexcept;
  Template& operator=(Template&&) noexcept;

  /// The text with the document's fields as names. `document` is a map.
  std::string render(const Value& document) const;

  /// The value of a template that is one {{ expression }}, else its rendered text: what Python's
  /// literal_eval(render()) gives for lists of strings, without the detour.
  Value evaluate(const Value& document) const;

 private:
  std::string where_;
  Style style_;
  std::unique_ptr<const jinja::Body> body_;
};

}  // namespace bench::text
