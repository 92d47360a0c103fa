#pragma once
#include "reports/pivot.h"

namespace bench {

/// Gives what is not the same another name, so that nothing is ever averaged or compared by a name
/// alone:
///  - two weights under one model's name become two models: "tiny @3f2a";
///  - two settings under one method's label become two methods: the label and the keys in which
///    that label's settings differ, "wanda · nsamples 32";
///  - numbers of two item lists under one task's name become two tasks: "arc_easy @91c0".
/// Trials keep the names that they were given as well (Rows::given). Again is as once.
void distinguish(Rows& rows);

/// The name before what distinguish() added to it.
std::string given_name(const std::string& name);

}  // namespace bench
