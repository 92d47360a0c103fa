#pragma once
#include <string>
#include <vector>

#include "tasks/definition.h"
#include "tasks/protocol.h"

namespace bench {

/// What a filter chain makes of a generated text (lm_eval/filters). choices: of the document, for
/// multi_choice_regex.
std::string filtered(const FilterChain& chain, std::string text, const DocumentRules& rules = {},
                     const std::vector<std::string>& choices = {});

/// 1 where the answer equals one of the references after what the metric ignores is taken out, else
/// 0: the exact_match of Hugging Face's evaluate.
double exact_match(const MetricChoice& how, const std::string& answer,
                   const std::vector<std::string>& references);

/// F1 of the words that answer and reference share, without case, punctuation and articles; the
/// best over the references (SQuAD's).
double word_f1(const std::string& answer, const std::vector<std::string>& references);

/// 1 where the words without case, punctuation and articles are those of one of the references.
double same_words(const std::string& answer, const std::vector<std::string>& references);

/// 1 where the answer of a generated solution is the reference as MATH's answers are compared.
double math_match(const std::string& generated, const std::vector<std::string>& references);

}  // namespace bench
