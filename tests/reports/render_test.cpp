#include "reports/render.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "reports/escape.h"
#include "reports/rows_cases.h"
#include "results/verdict.h"
#include "test.h"

using namespace bench;
using namespace bench::test;

namespace {

const std::string kHostile = "</script><b>|_x\\\"&%$#~^{},\x1b[31m\xff\n=1+1";

RowsMaker sample() {
  RowsMaker m;
  m.metric(m.trial("dense", "dense", 0), 10, 0.25);
  m.metric(m.trial("wanda", "unstructured", 0.5), 12.5, 0.5);
  m.metric(m.trial(kHostile, "unstructured", 0.5), 15);
  m.trial("late", "unstructured", 0.5, "failed");
  return m;
}

std::string rendered(const RowsMaker& m, Format format, const Look& look = {}) {
  return render(pivot(m.rows, {}), m.rows, format, look);
}

}  // namespace

TEST_CASE("the terminal table", "[reports]") {
  const auto text = rendered(sample(), Format::Table);
  CHECK(contains(text, "tiny · wikitext2@512 · protocol wanda@1\nppl, lower is better"));
  CHECK(contains(text, "12.500 ± 0.500 (+2.500) *"));
  CHECK(contains(text, "– failed"));
  CHECK(!contains(text, "\x1b"));
  CHECK(!contains(text, "\xff"));
  CHECK(contains(text, "\\x1b[31m\\xff\\x0a"));
  CHECK(contains(rendered(sample(), Format::Table, {true, 120}), "\x1b[1;32m12.500"));
}

TEST_CASE("a wide table goes on below", "[reports]") {
  RowsMaker m;
  for (int i = 1; i <= 9; ++i) m.metric(m.trial("wanda", "unstructured", 0.1 * i), 10 + i);
  const auto text = rendered(m, Format::Table, {false, 60});
  std::stringstream lines(text.substr(0, text.find("value ±")));
  int heads = 0;
  for (std::string line; std::getline(lines, line);) {
    CHECK(width(line) <= 62);
    heads += contains(line, "method  ");
  }
  CHECK(heads > 1);
}

TEST_CASE("markdown, LaTeX and CSV escape their own language", "[reports]") {
  const auto md = rendered(sample(), Format::Markdown);
  CHECK(contains(md, "| **12.500 ± 0.500** (+2.500) |"));
  CHECK(contains(md, "&lt;/script&gt;&lt;b&gt;\\|\\_x"));
  const auto tex = rendered(sample(), Format::Latex);
  CHECK(contains(tex, "\\textbf{12.500} {\\footnotesize$\\pm$0.500}"));
  CHECK(contains(tex, "\\textbackslash{}\\textquotedbl{}\\&\\%\\$\\#\\textasciitilde{}"));
  const auto sheet = rendered(sample(), Format::Csv);
  CHECK(contains(sheet,
                 "tiny,wikitext2@512,wanda@1,ppl,,0,wanda,unstructured,0.5,,12.5,0.5,0.5,,2.5,"
                 "1,0,,,id1,,\r\n"));
  CHECK(contains(sheet, "\"</script><b>|_x\\\"\"&"));
  CHECK(csv("=1+1") == "'=1+1");
  CHECK(csv("a,b\"c") == "\"a,b\"\"c\"");
}

TEST_CASE("INVALID and LEAK stand in every format, with the reason", "[reports]") {
  auto m = sample();
  m.rows.broken.push_back({"id1", {"sparsity_reached", false, "12 % of 50 %"}});
  const auto leak =
      task_verdict("calibration_leak", false, "wikitext2@512", "wanda@1", "same file");
  m.rows.broken.push_back({"id2", leak});
  for (const auto& name : format_names()) {
    CAPTURE(name);
    const auto text = rendered(m, format_named(name));
    CHECK(contains(text, "INVALID"));
    CHECK(contains(text, "LEAK"));
    CHECK(contains(text, name == "latex"      ? "12 \\% of 50 \\%"
                         : name == "markdown" ? "12 % of 50 %"
                                              : "12 % of 50 %"));
    CHECK(contains(text, "same file"));
  }
  const auto sheet = rendered(m, Format::Csv);
  CHECK(contains(sheet, "0,1,,,id1,INVALID,sparsity_reached: 12 % of 50 % (trial id1)\r\n"));
}

TEST_CASE("JSON reads back", "[reports]") {
  const auto json = nlohmann::json::parse(rendered(sample(), Format::Json));
  const auto& table = json["tables"][0];
  CHECK(table["dense"]["value"] == 10);
  CHECK(table["methods"].size() == 3);
  bool found = false;
  for (const auto& line : table["methods"]) {
    if (line["method"] == "wanda") found = line["cells"][0]["delta"] == 2.5;
  }
  CHECK(found);
}

TEST_CASE("numbers for people and for programs", "[reports]") {
  CHECK(number(12.3456) == "12.346");
  CHECK(number(0.123456) == "0.1235");
  CHECK(number(1234.56) == "1234.6");
  CHECK(number(260032) == "260032");
  CHECK(number(12345678.5) == "1.235e+07");
  CHECK(number(kNone) == "NaN");
  CHECK(difference(-0.5, 12.0) == "-0.500");
  CHECK(uncertainty(0.12, 9.7) == "0.120");
  CHECK(uncertainty(0.00001, 9.7) == "0.0000");
  CHECK(exact(0.1) == "0.1");
  CHECK(exact(kNone).empty());
  CHECK(contains(error_of([] { format_named("cvs"); }), "csv"));
}

TEST_CASE("what a terminal would obey becomes visible", "[reports]") {
  CHECK(printable("a\tb\x1b]0;x\x07") == "a\\x09b\\x1b]0;x\\x07");
  CHECK(printable("\xe2\x80\xae"
                  "evil") ==
        "\\u202e"
        "evil");
  CHECK(printable("caf\xc3\xa9 \xc3") == "caf\xc3\xa9 \\xc3");
  CHECK(printable("\xed\xa0\x80") == "\\xed\\xa0\\x80");
}
