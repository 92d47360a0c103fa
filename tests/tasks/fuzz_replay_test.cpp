// The fuzzers' corpus of templates and task files in the ordinary program.
#include "corpus.h"
#include "fuzz/task_targets.h"

using namespace bench::test;

TEST_CASE("the corpus of templates and task files", "[tasks]") {
  CHECK(replay("template", bench::fuzz::template_text) >= 10);
  CHECK(replay("task", bench::fuzz::task_text) >= 10);
}
