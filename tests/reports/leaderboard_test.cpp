#include "reports/leaderboard.h"

#include <zlib.h>

#include <nlohmann/json.hpp>

#include "base/base64.h"

#include "reports/packed.h"
#include "reports/page/files.h"
#include "reports/render.h"
#include "reports/scatter.h"
#include "reports/synthetic.h"
#include "results/verdict.h"
#include "test.h"

using namespace bench;
using namespace bench::test;

namespace {

/// What reports/packed.h packed.
std::string unpacked(const std::string& base64) {
  const auto bytes = text::from_base64(base64, "the page");
  z_stream stream{};
  REQUIRE(inflateInit2(&stream, 15 + 16) == Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  std::string out;
  int code = Z_OK;
  while (code == Z_OK) {
    char some[1 << 16];
    stream.next_out = reinterpret_cast<Bytef*>(some);
    stream.avail_out = sizeof some;
    code = inflate(&stream, Z_NO_FLUSH);
    out.append(some, sizeof some - stream.avail_out);
  }
  inflateEnd(&stream);
  CHECK(code == Z_STREAM_END);
  return out;
}

/// A packed block of the page; of several lines each is packed for itself.
std::string block(const std::string& page, const std::string& id) {
  const std::string open = "<script type=\"application/octet-stream\" id=\"" + id + "\">";
  const size_t from = page.find(open) + open.size();
  std::stringstream lines(page.substr(from, page.find("</script>", from) - from));
  std::string out;
  for (std::string line; std::getline(lines, line);) out += unpacked(line);
  return out;
}

size_t count(const std::string& text, const std::string& part) {
  size_t n = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++n;
  return n;
}

}  // namespace

TEST_CASE("the page holds all tables and a line of details for each trial", "[reports]") {
  TempDir folder;
  Store store(folder.path / "a.db");
  Size size;
  size.models = 2;
  const std::string hostile = "</script><script>alert(1)</script>@DETAILS@<!--";
  size.methods = {hostile, "wanda"};
  fill(store, size);
  const std::string page = leaderboard_page(store);

  const auto data = nlohmann::json::parse(block(page, "data"));
  CHECK(data["models"].size() == 2);
  CHECK(data["tables"].size() == 8);
  CHECK(data["trials"].size() == 22);
  CHECK(data["tables"][0]["lines"][0]["method"] == "dense");
  CHECK(data["tables"][0]["lines"][1]["method"] == hostile);

  std::stringstream details(block(page, "details"));
  size_t lines = 0;
  for (std::string line; std::getline(details, line); ++lines) {
    const auto detail = nlohmann::json::parse(line);
    CHECK(detail["id"] == data["trials"][lines]);
    CHECK(detail["environment"].get<size_t>() < data["environments"].size());
  }
  CHECK(lines == 22);
  CHECK(count(page, "<script") == 3);  // the page's own
  CHECK(!contains(page, "alert(1)</script>"));
  CHECK(!contains(page, "http-equiv=\"refresh\""));
}

TEST_CASE("the page marks INVALID with its reason, and the panel shows what is inherited",
          "[reports]") {
  TempDir folder;
  Store store(folder.path / "a.db");
  std::vector<TrialSpec> specs(2);
  specs[0].id = "0000000000000001", specs[0].method = specs[0].pattern = "dense";
  specs[1].id = "0000000000000002", specs[1].method = "wanda", specs[1].pattern = "2:4";
  for (auto& s : specs) s.model = "tiny", s.config = "{}", s.identity = R"({"model":"abc"})";
  store.submit(specs);
  for (const auto& s : specs) {
    store.claim({{s.id}, "w", "", 600, false, 0});
    Outcome o;
    o.metrics.push_back({"wikitext2@512", "wanda@1", "ppl", 7.72, 0.1, 10, "", false, {}, "h"});
    if (s.method == "dense")
      o.verdicts.push_back(
          task_verdict("dense_gate", false, "wikitext2@512", "wanda@1", "7.72, recorded 5.12"));
    store.finish(s.id, "w", o);
  }
  const std::string page = leaderboard_page(store);
  const auto data = nlohmann::json::parse(block(page, "data"));
  for (const auto& line : data["tables"][0]["lines"]) {
    CHECK(line["cells"][0]["i"] == "INVALID");
    CHECK(contains(line["cells"][0]["w"][0].get<std::string>(), "7.72, recorded 5.12"));
  }
  std::stringstream details(block(page, "details"));
  std::string dense, pruned;
  std::getline(details, dense);
  std::getline(details, pruned);
  const auto verdict = nlohmann::json::parse(pruned)["verdicts"][0];
  CHECK(verdict["rule"] == "dense_gate");
  CHECK(verdict["mark"] == "INVALID");
  CHECK(contains(verdict["detail"].get<std::string>(), "of the dense trial 000000000000"));
  CHECK(nlohmann::json::parse(dense)["verdicts"].size() == 1);
}

TEST_CASE("points of a study: the truth against all that has its items", "[reports]") {
  Outcome o;
  const auto add = [&](const std::string& name, std::vector<float> items, const char* hash) {
    MetricRow m{"study", "p", name, 0.5};
    m.items = std::move(items), m.items_hash = hash, m.unit = "nats";
    o.metrics.push_back(m);
  };
  add("dL_no", {1, 2}, "h");
  CHECK(!has_scatter(o));
  CHECK(scatter_of(o).is_null());
  add("dL_true", {3, 4}, "h");
  add("ifso.spearman", {5, 6}, "h");
  add("ifso.low", {}, "h");
  add("other", {7, 8}, "another");
  CHECK(has_scatter(o));
  const auto found = scatter_of(o);
  CHECK(found["y"].dump() == "[3.0,4.0]");
  REQUIRE(found["x"].size() == 2);
  CHECK(found["x"][0]["name"] == "dL_no");
  CHECK(found["x"][1]["items"].dump() == "[5.0,6.0]");
}

TEST_CASE("packed: what goes in comes out, and nothing in it can end a block", "[reports]") {
  for (const auto& text : {std::string(), std::string("</script>"), std::string(300'000, 'x')}) {
    CHECK(unpacked(packed(text)) == text);
    CHECK(!contains(packed(text), "<"));
  }
  CHECK(packed("the same") == packed("the same"));
}

TEST_CASE("an empty ledger has a page", "[reports]") {
  TempDir folder;
  const std::string page = leaderboard_page(Store(folder.path / "a.db"));
  CHECK(nlohmann::json::parse(block(page, "data"))["tables"].empty());
}

TEST_CASE("the page asks no network for anything", "[reports]") {
  for (const auto part : {page::html(), page::style(), page::script()}) {
    REQUIRE(!part.empty());
    // A name of a language is no address that anything is loaded from.
    std::string text(part);
    const std::string svg = "http://www.w3.org/2000/svg";
    for (size_t at; (at = text.find(svg)) != text.npos;) text.erase(at, svg.size());
    CHECK(!contains(text, "http:"));
    CHECK(!contains(text, "https:"));
    CHECK(!contains(std::string(part), "innerHTML"));
  }
}

TEST_CASE("a report of 100,000 rows averages the seeds of each cell", "[reports]") {
  TempDir folder;
  Store store(folder.path / "a.db");
  Size size;
  size.models = 40;
  size.tasks = 21;
  size.seeds = 4;
  REQUIRE(fill(store, size) >= 100'000);
  const Rows rows = read_rows(store);
  const auto text = render(pivot(rows, {}), rows, Format::Table);
  CHECK(contains(text, "4 seeds"));
}
