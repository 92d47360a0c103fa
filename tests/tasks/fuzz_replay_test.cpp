// The fuzzers' corpus of templates and task files in the ordinary program.
#include "test.h"

#include "fuzz/task_targets.h"

using namespace bench::test;

TEST_CASE("the corpus of templates and task files", "[tasks]") {
  const auto replay = [](const char* name, void (*target)(const std::string&)) {
    size_t inputs = 0;
    for (const auto& entry :
         std::filesystem::directory_iterator(root() / "tests/fuzz/corpus" / name)) {
      CAPTURE(entry.path().filename().string());
      CHECK_NOTHROW(target(slurp(entry.path())));
      ++inputs;
    }
    CHECK(inputs >= 10);
  };
  replay("template", bench::fuzz::template_text);
  replay("task", bench::fuzz::task_text);
}
