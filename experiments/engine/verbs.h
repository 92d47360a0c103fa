#pragma once
#include <string>
#include <vector>

namespace bench::engine {

using Arguments = std::vector<std::string>;

/// arguments[0] is the verb. Exit codes: 0 done; 1 something failed (a trial, a record); 2 the
/// command or its configuration is wrong.
int dispatch(const Arguments& arguments);

void know_revision();  // of this program

int run(const Arguments& arguments);
int plan(const Arguments& arguments);
int worker(const Arguments& arguments);
int element(const Arguments& arguments);
int criteria(const Arguments& arguments);
int explain(const Arguments& arguments);
int tokenize(const Arguments& arguments);
int score(const Arguments& arguments);
int generate(const Arguments& arguments);
int logits(const Arguments& arguments);
int request(const Arguments& arguments);  // show request
int why(const Arguments& arguments);
int export_trial(const Arguments& arguments);

}  // namespace bench::engine
