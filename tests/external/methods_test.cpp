// What there is to prune with, as a user asks for it.
#include <regex>
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
        "recorded     wanda 5 of 5"}) {
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

namespace {

/// Recorded cases in the folders whose names fit; a star at the end stands for any ending.
int64_t cases_of(const std::string& folders) {
  namespace fs = std::filesystem;
  const bool open = folders.ends_with('*');
  const auto begin = open ? folders.substr(0, folders.size() - 1) : folders;
  int64_t count = 0;
  for (const auto& at : fs::directory_iterator(shared() / "golden/masks")) {
    const auto name = at.path().filename().string();
    if (!at.is_directory() || (open ? !name.starts_with(begin) : name != begin)) continue;
    for (const auto& file : fs::recursive_directory_iterator(at.path()))
      count += file.path().filename() == "case.json";
  }
  return count;
}

}  // namespace

TEST_CASE("as many cases are recorded of a method as its file says", "[methods][shared]") {
  SKIP_WITHOUT_SHARED();
  int seen = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root() / "configs")) {
    if (entry.path().extension() != ".yaml") continue;
    std::istringstream lines(slurp(entry.path()));
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with("# recorded: ")) continue;
      // "# recorded: wanda 5 of 5, layerwise_* 20 of 20": FOLDER n of m.
      static const std::regex kCount("([a-z0-9_]+\\*?) ([0-9]+) of ([0-9]+)");
      for (std::sregex_iterator it(line.begin(), line.end(), kCount), end; it != end; ++it) {
        const auto& found = *it;
        INFO(entry.path().filename() << ": " << found[0]);
        CHECK(cases_of(found[1]) == std::stoll(found[3]));
        CHECK(std::stoll(found[2]) <= std::stoll(found[3]));
        ++seen;
      }
    }
  }
  CHECK(seen > 50);
}
