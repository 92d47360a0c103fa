// What there is to prune with, as a user asks for it.
#include <sstream>

#include "front/program.h"
#include "test.h"

using namespace bench;
using namespace bench::test;

TEST_CASE("docs/methods.md is what the program says, and every method has its formula",
          "[methods]") {
  setenv("BENCH_HOME", root().c_str(), 1);
  // bench criteria --format markdown > docs/methods.md
  const auto page = run("criteria --format markdown");
  CHECK(page.code == 0);
  CHECK(page.output == slurp(root() / "docs/methods.md"));
  std::istringstream lines(page.output);
  int methods = 0;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("| `")) continue;
    ++methods;
    INFO(line);
    size_t formula = 0;  // the third cell
    for (int cell = 0; cell < 2; ++cell) formula = line.find(" | ", formula) + 3;
    CHECK(line.substr(formula, 2) != "- ");
  }
  CHECK(methods > 100);
}

TEST_CASE("criteria show prints one method whole", "[methods]") {
  setenv("BENCH_HOME", root().c_str(), 1);
  const auto one = run("criteria show wanda");
  CHECK(one.code == 0);
  for (const std::string what :
       {"criterion wanda", "formula      |w| sqrt(sum_t x_t^2", "source       Sun et al. 2023",
        "year         2023", "speedup      unstructured, semi-structured", "when         after",
        "data         unlabelled", "reads        inputs of layers", "cost         A",
        "recorded     masks/wanda 5 of 5"}) {
    INFO(what << " in\n" << one.output);
    CHECK(contains(one.output, what));
  }
  // A name of two kinds: both.
  const auto two = run("criteria show thanos");
  CHECK(contains(two.output, "criterion thanos"));
  CHECK(contains(two.output, "update thanos"));
  CHECK(contains(two.output, "options\n"));
  const auto wrong = run("criteria show wandda");
  CHECK(wrong.code != 0);
  CHECK(contains(wrong.output, "did you mean wanda?"));
  CHECK(contains(run("criteria show").output, "takes one name"));
  CHECK(contains(run("criteria --format markdown units=head").output, "takes no terms"));
}
