#include "reports/figures/figures.h"

#include <algorithm>

#include <cmath>

#include "base/base64.h"
#include "front/program.h"
#include "reports/figures/axis.h"
#include "reports/synthetic.h"
#include "test.h"

using namespace bench;
using namespace bench::test;

namespace {

Cell value(double v, double error = kNone) {
  Cell c;
  c.kind = Cell::Kind::Value;
  c.value = v, c.error = error;
  return c;
}

Cell none() {
  Cell c;
  c.reason = "no trial";
  return c;
}

Column column(const std::string& pattern, double sparsity) {
  return {pattern, sparsity, fmt::format("{} {}", pattern, sparsity)};
}

Table table(const std::string& task, bool higher, std::vector<Column> columns,
            std::vector<Line> lines) {
  Table t;
  t.model = "tiny", t.task = task, t.metric = higher ? "acc" : "ppl";
  t.higher_is_better = higher;
  t.columns = std::move(columns), t.lines = std::move(lines);
  return t;
}

size_t count(const std::string& text, const std::string& part) {
  size_t n = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++n;
  return n;
}

}  // namespace

TEST_CASE("axes: round marks inside the range, logarithms by decade", "[figures]") {
  const Axis plain(0, 70, false, 0, 700);
  CHECK(plain.at(35) == 350);
  CHECK(plain.at(1000) == 700);  // clamped
  CHECK(plain.marks().front().second == "0");
  CHECK(plain.marks().back().second == "70");
  const Axis decades(2, 3000, true, 100, 0);
  CHECK(decades.at(2) == 100);
  CHECK(decades.at(3000) == 0);
  CHECK(decades.marks().size() == 3);  // 10, 100, 1000
  CHECK(decades.marks()[1].second == "100");
  const Axis flat(5, 5, false, 0, 1);
  CHECK(flat.inside(5));
  CHECK(short_number(1234567) == "1.235M");
  CHECK(short_number(12000) == "12k");
  CHECK(short_number(0.00012) == "1.2e-04");
}

TEST_CASE("mean ranks: ties share, structured apart, a lacking column is said", "[figures]") {
  Report report;
  const std::vector<Column> columns{column("unstructured", 0.5), column("2:4", 0.5),
                                    column("head", 0.25)};
  report.tables = {table("a", false, columns,
                         {{"dense", true, {value(5), value(5), value(5)}},
                          {"best", false, {value(6), value(6), none()}},
                          {"tied", false, {value(6), value(7), value(8)}},
                          {"part", false, {value(9), none(), value(7)}}})};
  const auto all = rankings(report);
  REQUIRE(all.size() == 2);
  CHECK(!all[0].structured);
  CHECK(all[0].columns == 2);
  REQUIRE(all[0].rows.size() == 3);
  CHECK(all[0].rows[0].method == "best");
  CHECK(all[0].rows[0].mean == 1.25);  // (1.5 + 1) / 2
  CHECK(all[0].rows[1].mean == 1.75);
  CHECK(all[0].rows[2].method == "part");  // behind: it lacks a column
  CHECK(all[0].rows[2].columns == 1);
  CHECK(std::isnan(all[0].rows[2].low));
  CHECK(all[1].structured);
  CHECK(all[1].rows[0].method == "part");
  const auto svg = svg_of(rank_figure(all[0], series_of(report, "tiny")), true);
  CHECK(contains(svg, "1 of 2"));
}

TEST_CASE("fronts: what nothing beats, the dense model among it", "[figures]") {
  Report report;
  const std::vector<Column> columns{column("head", 0.25), column("head", 0.5)};
  auto size = table("size", true, columns,
                    {{"dense", true, {value(100), value(100)}},
                     {"a", false, {value(80), value(60)}},
                     {"b", false, {value(80), value(60)}}});
  size.metric = "parameters", size.directed = false;
  report.tables = {table("acc", true, columns,
                         {{"dense", true, {value(0.9), value(0.9)}},
                          {"a", false, {value(0.8), value(0.5)}},
                          {"b", false, {value(0.7), value(0.5)}}}),
                   size};
  const auto all = fronts(report);
  REQUIRE(all.size() == 1);
  CHECK(all[0].cost == "parameters");
  REQUIRE(all[0].points.size() == 5);
  for (const auto& p : all[0].points) {
    CAPTURE(p.method, p.column);
    CHECK(p.on_front == !(p.method == "b" && p.x == 80));  // equal points are on it together
  }
}

TEST_CASE("the sparsity that keeps quality lies between measured points", "[figures]") {
  Report report;
  report.tables = {table("text", false, {column("unstructured", 0.2), column("unstructured", 0.4)},
                         {{"dense", true, {value(10), value(10)}},
                          {"good", false, {value(10.5), value(10.9)}},
                          {"half", false, {value(10), value(12)}},
                          {"bad", false, {value(20), value(kNone)}}})};
  report.tables[0].lines[3].cells[1] = none();
  const auto all = iso_quality(report);
  REQUIRE(all.size() == 1);
  CHECK(std::abs(all[0].limit - 11) < 1e-12);
  REQUIRE(all[0].rows.size() == 3);
  CHECK(all[0].rows[0].method == "good");
  CHECK(all[0].rows[0].at_least);
  CHECK(all[0].rows[0].sparsity == 0.4);
  CHECK(std::abs(all[0].rows[1].sparsity - 0.3) < 1e-12);   // 11 is half way from 10 to 12
  CHECK(std::abs(all[0].rows[2].sparsity - 0.02) < 1e-12);  // a tenth of the way to 20
}

TEST_CASE("overlap of masks: Jaccard's index of sampled bits", "[figures]") {
  Atlas atlas{"tiny", "50%", false, {"one", "two"}, {}};
  atlas.rows = {{"a", {0.5, 0.5}, {0}, {"\x0f", ""}}, {"b", {0.5, 0.5}, {1}, {"\x3c", ""}}};
  CHECK(atlas.overlap(0, 1, 0) == 2.0 / 6);
  CHECK(std::isnan(atlas.overlap(0, 1, 1)));  // no sample
  CHECK(atlas.overlap(0, 1) == 2.0 / 6);
  CHECK(atlas.overlap(0, 0) == 1);
  CHECK(contains(svg_of(atlas_figure(atlas, ""), true), ">33<"));
  CHECK(contains(svg_of(atlas_figure(atlas, "a"), true), "with a"));
  CHECK(contains(error_of([&] { atlas_figure(atlas, "bb"); }), "'bb'"));
}

TEST_CASE("figures: a point for each number, bands, hostile names as text", "[figures]") {
  const std::string hostile = "</svg><script>x</script>&\"'";
  Report report;
  report.tables = {table("text", false,
                         {column("unstructured", 0.2), column("unstructured", 0.4),
                          column("2:4", 0.5), column("head", 0.5)},
                         {{"dense", true, {value(10), value(10), value(10), value(10)}},
                          {hostile, false, {value(11, 0.5), value(1e9), value(20), value(30)}}})};
  for (auto& c : report.tables[0].lines[1].cells) c.trials = {7};
  const auto series = series_of(report, "tiny");
  const auto plain = svg_of(curve_figure(report.tables[0], false, series, true), false);
  CHECK(!contains(plain, "<script"));
  CHECK(count(plain, "data-t=\"7\"") == 3);
  CHECK(count(plain, "class=\"a ") == 1);
  CHECK(contains(plain, "beyond"));  // 1e9 does not flatten the rest
  CHECK(contains(plain, "(logarithmic)"));
  const auto structured = svg_of(curve_figure(report.tables[0], true, series, false), true);
  CHECK(count(structured, "data-t=\"7\"") == 1);
  CHECK(contains(structured, "<style>"));
}

TEST_CASE("series: 48 are told apart by colour and shape", "[figures]") {
  std::vector<std::pair<int, Shape>> seen;
  for (int i = 0; i < 48; ++i) {
    const std::pair one{i % kColours, shape_of(i)};
    CHECK(std::find(seen.begin(), seen.end(), one) == seen.end());
    seen.push_back(one);
  }
}

TEST_CASE("PDF: a whole file whose table of places is right", "[figures]") {
  Drawing d{200, 100, "a (title) \\ with ± and 漢", {}};
  d.line({{0, 0}, {10, 10}}, {1});
  d.area({{0, 0}, {10, 10}, {10, 0}}, {2});
  for (int s = 0; s < 6; ++s) d.point({5, 5}, s, "");
  d.shade({0, 0}, {5, 5}, 0.5, "");
  d.text({1, 1}, d.title, 0);
  d.marks.back().upright = true;
  const auto pdf = pdf_of(d);
  CHECK(pdf.rfind("%PDF-1.4", 0) == 0);
  CHECK(pdf.ends_with("%%EOF\n"));
  CHECK(contains(pdf, "a \\(title\\) \\\\ with \xb1 and ?"));
  const auto start = std::stoul(pdf.substr(pdf.find("startxref\n") + 10));
  CHECK(pdf.compare(start, 4, "xref") == 0);
  for (size_t i = 1; i <= 7; ++i) {
    const auto place = std::stoul(pdf.substr(start + 7 + 20 * i + 2, 10));
    CHECK(pdf.compare(place, 7, fmt::format("{} 0 obj", i)) == 0);
  }
}

TEST_CASE("base64: RFC 4648's examples, there and back", "[figures]") {
  const std::pair<std::string, std::string> all[] = {
      {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, coded] : all) {
    CHECK(text::to_base64(plain) == coded);
    CHECK(text::from_base64(coded, "") == plain);
  }
}

TEST_CASE("bench plot: a file for each figure, and sentences", "[front]") {
  TempDir folder;
  const auto db = (folder.path / "a.db").string(), out = (folder.path / "plots").string();
  Size size;
  size.models = 1;
  {
    Store store(db);
    fill(store, size);
  }
  const auto plot = [&](const std::string& words) {
    return run("plot " + words + " --db " + db + " --out " + out);
  };
  const auto curves = plot("curve");
  CHECK(curves.code == 0);
  CHECK(contains(curves.output, "curve-stories260k-wikitext2-512-ppl.svg"));
  CHECK(contains(slurp(folder.path / "plots/curve-stories260k-wikitext2-512-ppl.svg"), "</svg>"));
  CHECK(plot("curve --task arc_easy --format pdf").output ==
        out + "/curve-stories260k-arc_easy-acc.pdf\n");
  CHECK(contains(plot("rank").output, "rank-stories260k.svg"));
  for (const auto& [words, code, says] : {std::tuple("curves", 2, "did you mean curve"),
                                          {"curve --model none", 2, "no model 'none'"},
                                          {"pareto", 1, "nothing to draw"},
                                          {"pareto --cost macs", 2, "no trial measured 'macs'"},
                                          {"curve --format png", 2, "svg"},
                                          {"layers --sparsity much", 2, "no share"}}) {
    const auto ran = plot(words);
    CAPTURE(words, ran.output);
    CHECK(ran.code == code);
    CHECK(contains(ran.output, says));
  }
}
