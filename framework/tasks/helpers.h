#pragma once
#include <optional>
#include <string>

#include "hydra/yaml/value.h"

namespace bench::helpers {

// What lm-eval's task modules do to a document that no template says. A missing or mistyped field
// is an Error that names it.

/// query, choices and gold of a raw HellaSwag row (lm_eval/tasks/hellaswag/utils.py).
Value hellaswag_document(const Value& d);
/// The last question of a RACE article, those before it with their answers.
Value race_text(const Value& d);
Value race_target(const Value& d);
Value race_choices(const Value& d);
/// ReCoRD: distinct entities and answers in order; passage with its highlights; filled-in queries.
Value record_document(const Value& d);
Value record_text(const Value& d);
Value record_target(const Value& d);
Value record_choices(const Value& d);
/// SuperGLUE's Winograd schema, the pronoun between stars.
Value wsc_text(const Value& d);
/// Options "a ) 38 , b ) 27.675 , ..." as a list.
Value mathqa_choices(const Value& d);
/// Accepted answers in order without those that continue another.
Value webqs_choices(const Value& d);
Value webqs_target(const Value& d);
/// A story with its questions so far and their answers.
Value coqa_text(const Value& d);
Value coqa_target(const Value& d);
Value wsc273_document(const Value& d);
/// A problem with the answer that its solution boxes.
Value hendrycks_document(const Value& d);

/// What stands in the last \boxed{} or \fbox{}; nothing where there is none.
std::optional<std::string> last_boxed(const std::string& text);
/// Whether two answers of MATH are the same after normalising (hendrycks_math/utils.py).
bool same_math(const std::string& a, const std::string& b);
/// The answer of a generated solution: between the first and the last $, or all of it.
std::string math_answer(const std::string& generated);

}  // namespace bench::helpers
