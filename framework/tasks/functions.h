#pragma once
#include <string>

namespace bench {

/// lm-eval's task files call Python for what a template cannot say. Those of the shipped tasks have
/// a template of the same effect here; any other function is an Error.
std::string template_of_function(const std::string& function, const std::string& where);
bool is_wikitext_function(const std::string& function);

}  // namespace bench
