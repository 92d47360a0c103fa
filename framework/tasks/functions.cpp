#include "tasks/functions.h"

#include <map>

#include "base/error.h"
#include "jinja/python_string.h"

namespace bench {

bool is_wikitext_function(const std::string& function) {
  return function.starts_with("!function") &&
         function.find(" preprocess_wikitext.") != std::string::npos;
}

std::string template_of_function(const std::string& function, const std::string& where) {
  static const std::map<std::string, std::string> kKnown{
      {"preprocess_winogrande.doc_to_text", "{{ {'1': 0, '2': 1}[answer] }}"},
      {"preprocess_winogrande.doc_to_target", "{{ sentence[sentence.index('_') + 1:].strip() }}"},
      {"preprocess_winogrande.doc_to_choice",
       "{{ [sentence[:sentence.index('_')] + option1, sentence[:sentence.index('_')] + option2] "
       "}}"},
      {"preprocess_wikitext.wikitext_detokenizer", "{{ page }}"}};
  const auto name = text::strip(function.substr(std::string("!function").size()));
  const auto it = kKnown.find(name);
  if (it == kKnown.end())
    fail("{}: the Python function {} cannot run here; write it as a template", where, name);
  return it->second;
}

}  // namespace bench
