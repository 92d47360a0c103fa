#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace bench::text {

/// The pages of a WikiText file as lm-eval's document-level data set cuts them: a line that is a
/// heading of the first level begins a page (evaluation.md 6). Lines are kept unchanged.
std::vector<std::string> wikitext_pages(std::string_view file);

/// The page without the marks of the tokenised corpus: what is scored
/// (lm_eval/tasks/wikitext/preprocess_wikitext.py:4-43).
std::string wikitext_detokenise(std::string page);

}  // namespace bench::text
