#include "base/error.h"
#include "hydra/yaml/scalar.h"
#include "tasks/definition.h"
#include "jinja/python_literal.h"

namespace bench {
namespace {

bool all_digits(const std::string& text) {
  return !text.empty() && text.size() < 18 &&
         text.find_first_not_of("0123456789") == std::string::npos;
}

}  // namespace

DocumentPart::DocumentPart(const Value& written, std::string where)
    : written_(written), where_(std::move(where)) {
  if (written_.is_string())
    template_ = std::make_shared<const text::Template>(written_.string(), where_);
  else if (!written_.is_int() && !written_.is_list() && !written_.is_map())
    fail("{}: must be a template, a number or a list, not {}", where_, type_name(written_));
}

DocumentPart::DocumentPart(std::function<Value(const Value&)> function, std::string where)
    : where_(std::move(where)), function_(std::move(function)) {}

Value DocumentPart::text_of(const Value& document, bool digits_count) const {
  if (function_) return function_(document);
  if (!written_.is_string()) return written_;
  if (const auto* field = document.find(written_.string())) return *field;
  auto text = template_->render(document);
  if (digits_count && all_digits(text)) return static_cast<int64_t>(std::stoll(text));
  return text;
}

Value DocumentPart::target_of(const Value& document, bool digits_count) const {
  auto target = text_of(document, digits_count);
  if (!written_.is_string() || document.find(written_.string()) || !target.is_string())
    return target;
  const auto& text = target.string();
  if (text.size() < 2 || text.front() != '[' || text.back() != ']') return target;
  auto list = python_literal(text);
  return list ? *list : target;  // an answer in brackets may be text
}

std::vector<std::string> DocumentPart::list_of(const Value& document) const {
  Value all = function_ ? function_(document) : written_;
  if (written_.is_string()) {
    const auto* field = document.find(written_.string());
    all = field ? *field : template_->evaluate(document);
  }
  std::vector<std::string> out;
  if (all.is_map())
    for (const auto& e : all.map()) out.push_back(python_str(e.value));
  else if (all.is_list())
    for (const auto& item : all.list()) out.push_back(python_str(item));
  else
    fail("{}: gives {} where a list of choices is needed", where_, type_name(all));
  if (out.empty()) fail("{}: gives no choice", where_);
  return out;
}

}  // namespace bench
