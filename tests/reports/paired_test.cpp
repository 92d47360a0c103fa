#include "reports/paired.h"

#include <fmt/format.h>

#include <cmath>
#include <map>

#include "front/program.h"
#include "results/setting.h"
#include "test.h"

using namespace bench;
using namespace bench::test;

namespace {

double off(double a, double b) {
  return std::abs(a - b);
}

/// A ledger with two methods, made by hand.
struct Ledger {
  Rows rows;
  std::map<std::string, Outcome> outcomes;

  /// stage: a label in `after`; data: the calibration, empty for methods that use none.
  std::string trial(const std::string& method, int seed, const std::string& stage = "",
                    const std::string& data = "c4", const std::string& criterion = "") {
    Trial t;
    t.id = fmt::format("id{}", rows.trials.size());
    t.model = model;
    t.pattern = "head", t.sparsity = 0.5, t.state = "done";
    t.method = stage.empty() ? method : method + "+" + stage;
    const auto after = stage.empty() ? "" : fmt::format(R"(,"after":{{"{}":{{}}}})", stage);
    const auto draw = draws ? fmt::format(R"(,"seed":{})", seed) : "";
    const auto uses =
        data.empty() ? "" : fmt::format(R"(,"data":{{"x":"{}"}},"data_bytes":"b")", data);
    t.identity = fmt::format(R"({{"model":"{}","criterion":{{"name":"{}"}}{}{}}})", model, method,
                             uses, after);
    t.config = fmt::format(R"({{"criterion":{{"name":"{}"{}}},"seed":{},"data":{{"x":"{}"}}{}}})",
                           criterion.empty() ? method : criterion, draw, seed, data, after);
    t.kind = setting_of(t).kind;
    rows.trials.push_back(t);
    return t.id;
  }
  /// Perplexity from losses of windows.
  void losses(const std::string& id, std::vector<float> items, const std::string& hash = "h") {
    double mean = 0;
    for (const float l : items) mean += l / static_cast<double>(items.size());
    outcomes[id].metrics.push_back({"wiki@8", "p@1", "ppl", std::exp(mean), 0, 2, "perplexity",
                                    false, std::move(items), hash});
  }
  void hits(const std::string& id, std::vector<float> items) {
    double mean = 0;
    for (const float l : items) mean += l / static_cast<double>(items.size());
    outcomes[id].metrics.push_back(
        {"arc", "p@1", "acc", mean, 0, 4, "share", true, std::move(items), "h"});
  }
  Paired compare(const std::string& a, const std::string& b, const Selection& s = {}) {
    for (const auto& [id, o] : outcomes)
      for (const auto& m : o.metrics) rows.metrics.push_back({id, m});
    return paired(
        rows, [this](const std::string& id) { return outcomes[id]; }, a, b, s);
  }

  std::string model = "m";
  bool draws = true;  // the criterion has a seed
};

Ledger two_seeds() {
  Ledger l;
  l.losses(l.trial("one", 0), {1, 2});
  l.losses(l.trial("two", 0), {2, 3});
  l.losses(l.trial("one", 1), {1, 1});
  l.losses(l.trial("two", 1), {1.25, 1.75});
  return l;
}

}  // namespace

TEST_CASE("quantiles of Student's t as tables print them", "[reports]") {
  const std::vector<std::pair<int, double>> printed{
      {1, 12.7062047}, {2, 4.3026527},  {3, 3.1824463},  {4, 2.7764451},
      {5, 2.5705818},  {10, 2.2281389}, {11, 2.2009852}, {30, 2.0422725}};
  for (const auto& [degrees, value] : printed)
    CHECK(off(student_two_sided(0.95, degrees), value) < 5e-8);
  const auto i = student_interval({1, 2, 3});  // s = 1
  CHECK(i.mean == 2);
  CHECK(off(i.high - 2, 4.3026527 / std::sqrt(3.0)) < 1e-7);
  CHECK(off(2 - i.low, 4.3026527 / std::sqrt(3.0)) < 1e-7);
  CHECK(std::isnan(student_interval({1}).low));
}

TEST_CASE("the sign-flip test counts every way to swap, then draws", "[reports]") {
  CHECK(sign_flip_p({1, 2, 3}) == 2 / 8.0);
  CHECK(sign_flip_p({1, 1, -1}) == 1);
  CHECK(sign_flip_p({3, 1, -1}) == 6 / 8.0);  // |sum| 5, 3, 3, 1 twice over; 3 or more
  CHECK(sign_flip_p({0.1, 0.2, -0.3}) == 1);  // sums that are 0 but for rounding
  CHECK(sign_flip_p({0, 0}) == 1);
  CHECK(sign_flip_p(std::vector<double>(21, 1)) < 1e-4);
  std::vector<double> none(22, 1);
  for (size_t i = 0; i < none.size(); i += 2) none[i] = -1;
  CHECK(sign_flip_p(none) == 1);
}

TEST_CASE("Holm's correction", "[reports]") {
  const auto p = holm({0.01, 0.04, 0.03, 0.5});
  CHECK(off(p[0], 0.04) < 1e-12);
  CHECK(off(p[1], 0.09) < 1e-12);  // not below the one before it
  CHECK(off(p[2], 0.09) < 1e-12);
  CHECK(p[3] == 0.5);
  CHECK(holm({0.8, 0.7}) == std::vector<double>{1, 1});
}

TEST_CASE("items of several models: the error of a weighted mean", "[reports]") {
  const auto one = item_interval({{{0, 1, 1, 0}, 1}});  // variance 1/3, of the mean 1/12
  CHECK(one.mean == 0.5);
  CHECK(off(one.high - 0.5, 1.9599640 * std::sqrt(1 / 12.0)) < 1e-6);
  const auto two = item_interval({{{0, 1, 1, 0}, 0.5}, {{1, 1}, 0.5}});
  CHECK(two.mean == 0.75);
  CHECK(off(two.high - 0.75, 1.9599640 * 0.5 * std::sqrt(1 / 12.0)) < 1e-6);
  CHECK(std::isnan(item_interval({{{1}, 1}}).low));
}

TEST_CASE("perplexities are compared by logarithms, over seeds and over windows", "[reports]") {
  auto ledger = two_seeds();
  const auto p = ledger.compare("one", "two");
  REQUIRE(p.lines.size() == 1);
  const auto& l = p.lines[0];
  CHECK(l.condition == "head 50%");
  CHECK(l.nats);
  CHECK((l.pairs == 2 && l.replicates == 2 && l.models == 1 && l.models_better == 1));
  CHECK((l.better == 2 && l.equal == 0 && l.worse == 0));
  CHECK(off(l.a, std::exp(1.25)) < 1e-9);
  CHECK(off(l.b, std::exp(2.0)) < 1e-9);
  CHECK(off(l.over_seeds.mean, 0.75) < 1e-9);  // of 1 and 0.5: s / sqrt 2 = 0.25
  CHECK(off(l.over_seeds.high, 0.75 + 12.7062047 * 0.25) < 1e-6);
  CHECK(l.p == 0.5);
  CHECK(l.holm == 0.5);
  CHECK(l.items == 2);  // 0.625 and 0.875, each the mean of two seeds
  CHECK(off(l.over_items.mean, 0.75) < 1e-9);
  CHECK(off(l.over_items.low, 0.75 - 1.9599640 * 0.125) < 1e-6);
  CHECK(p.notes.empty());
  CHECK(contains(render_paired({p}, "table"),
                 "wiki@8 ppl: one is better than two by 0.7500 nats; over 2 seeds it may be chance "
                 "(p = 0.5000), over the items sure at 95 %"));
  const auto back = ledger.compare("two", "one");
  CHECK(off(back.lines[0].over_seeds.mean, -0.75) < 1e-9);
  CHECK(back.lines[0].worse == 2);
}

TEST_CASE("one replicate tests nothing, and says so", "[reports]") {
  Ledger l;
  l.losses(l.trial("one", 0), {1, 2});
  l.losses(l.trial("two", 0), {2, 2});
  const auto p = l.compare("one", "two");
  REQUIRE(p.lines.size() == 1);
  CHECK(std::isnan(p.lines[0].p));
  CHECK(std::isnan(p.lines[0].holm));
  const auto text = render_paired({p}, "table");
  CHECK(contains(text,
                 "one is better than two by 0.5000 nats; of one seed of one model nothing can "
                 "be tested over seeds, over the items it may be chance"));
}

TEST_CASE("stages match stages, and a total averages a seed's conditions first", "[reports]") {
  Ledger l;
  const auto add = [&](const char* method, const char* stage, std::vector<float> items) {
    l.hits(l.trial(method, 0, stage), std::move(items));
  };
  add("one", "", {1, 1, 1, 1}), add("two", "", {1, 0, 0, 0});
  add("one", "lora", {1, 1, 1, 1}), add("two", "lora", {1, 1, 1, 0});
  l.model = "n";
  add("one", "", {0, 0, 0, 0}), add("two", "", {1, 0, 0, 0});
  const auto p = l.compare("one", "two");
  REQUIRE(p.lines.size() == 3);
  CHECK(p.lines[0].condition == "head 50%");
  CHECK(p.lines[0].pairs == 2);
  CHECK(p.lines[0].over_seeds.mean == 0.25);  // 0.75 and -0.25
  CHECK(p.lines[0].models_better == 1);
  CHECK(p.lines[1].condition == "head 50% +lora");
  CHECK(p.lines[1].over_seeds.mean == 0.25);
  CHECK(p.lines[2].condition.empty());
  CHECK((p.lines[2].pairs == 3 && p.lines[2].replicates == 2));
  CHECK(p.lines[2].over_seeds.mean == 0.125);  // (0.75 + 0.25) / 2 and -0.25
  CHECK(off(p.lines[2].over_items.mean, 0.125) < 1e-9);
  CHECK(p.lines[2].items == 8);
  CHECK(p.lines[2].a == 2 / 3.0);
  CHECK(!p.lines[2].nats);
}

TEST_CASE("a method that uses no calibration matches; other calibrations do not", "[reports]") {
  Ledger l;
  l.hits(l.trial("one", 0), {1, 1});
  l.hits(l.trial("random", 0, "", ""), {0, 1});
  l.hits(l.trial("other", 0, "", "stories"), {0, 1});
  CHECK(l.compare("one", "random").lines.size() == 1);
  const auto none = l.compare("one", "other");
  CHECK(none.lines.empty());
  CHECK(none.notes == std::vector<std::string>{"1 trial of one without a partner",
                                               "1 trial of other without a partner"});
  CHECK(contains(render_paired({none}, "table"), "no two trials match"));
}

TEST_CASE("a method that draws nothing has one trial, and stands for every seed", "[reports]") {
  auto l = two_seeds();
  l.draws = false;
  l.losses(l.trial("magnitude", 0, "", ""), {1, 2});
  for (const bool turned : {false, true}) {
    const auto p = turned ? l.compare("magnitude", "two") : l.compare("two", "magnitude");
    REQUIRE(p.lines.size() == 1);
    CHECK((p.lines[0].pairs == 2 && p.lines[0].replicates == 2));
    CHECK(off(p.lines[0].over_seeds.mean, turned ? 0.5 : -0.5) < 1e-9);  // 1 and 0
    CHECK(p.notes.empty());
  }
}

TEST_CASE("what is INVALID or of other items is left out and said", "[reports]") {
  auto l = two_seeds();
  l.rows.broken.push_back({"id3", {"mask_holds", false, "3 are not zero"}});
  l.rows.broken.push_back({"id0", {"calibration_leak", false, "wiki@8 · p@1: the same file"}});
  const auto p = l.compare("one", "two");
  REQUIRE(p.lines.size() == 1);
  CHECK(p.lines[0].pairs == 1);
  CHECK(p.notes == std::vector<std::string>{"1 pair: wiki@8 ppl INVALID, left out",
                                            "1 pair: wiki@8 ppl marked LEAK, counted"});
  auto other = two_seeds();
  other.outcomes["id1"].metrics[0].items_hash = "g";
  CHECK(other.compare("one", "two").notes ==
        std::vector<std::string>{"1 pair: wiki@8 ppl of other items, left out"});
}

TEST_CASE("metrics that are no mean of their items have no interval over items", "[reports]") {
  auto l = two_seeds();
  for (auto& [id, o] : l.outcomes) o.metrics[0].value *= id == "id0" ? 2 : 1;
  const auto p = l.compare("one", "two");
  CHECK(p.lines[0].items == 0);
  CHECK(std::isnan(p.lines[0].over_items.low));
  CHECK(p.lines[0].pairs == 2);
}

TEST_CASE("methods that are not there, and trials that match twice, are said", "[reports]") {
  auto l = two_seeds();
  CHECK(contains(error_of([&] { l.compare("one", "tow"); }), "did you mean two"));
  CHECK(contains(error_of([&] { l.compare("one", "one"); }), "nothing to compare"));
  CHECK(contains(error_of([&] { l.compare("one", "two", {{"x"}, {}, {}}); }), "no model 'x'"));
  const auto again = l.trial("two", 0);
  l.losses(again, {2, 2});
  const auto said = error_of([&] { l.compare("one", "two"); });
  CHECK(contains(said, "trials id1 and id4 both match id0 of one"));
  CHECK(contains(said, "name one of"));
}

TEST_CASE("a criterion's name stands for the one method made of it", "[reports]") {
  auto l = two_seeds();
  l.losses(l.trial("flap+bias/flap", 0, "", "c4", "flap"), {1, 1});
  const auto p = l.compare("flap", "two");
  REQUIRE(p.lines.size() == 1);
  CHECK(p.lines[0].over_seeds.mean == 1.5);
}

TEST_CASE("the program compares what a database holds", "[reports]") {
  TempDir folder;
  const auto db = (folder.path / "x.db").string();
  {
    auto l = two_seeds();
    Store store(db);
    for (const auto& t : l.rows.trials) {
      store.submit({t});
      store.claim({{t.id}, "w", "", 600, false, 0});
      store.finish(t.id, "w", l.outcomes[t.id]);
    }
  }
  const auto table = run("paired one two --db '" + db + "'");
  CHECK(table.code == 0);
  CHECK(contains(table.output, "one against two"));
  CHECK(contains(table.output, "+0.7500"));
  CHECK(contains(run("paired one two --format markdown --db '" + db + "'").output,
                 "| wiki@8 | ppl (nats) | head 50% | 2 (2) | 3.490 | 7.389 | +0.7500 |"));
  CHECK(contains(run("paired one two --format csv --db '" + db + "'").output,
                 "one,two,wiki@8,p@1,ppl,1,head 50%,2,2,"));
  const auto numbers = run("paired two one --format csv --db '" + db + "'").output;
  CHECK(contains(numbers, ",-0.75"));  // no text
  const auto unknown = run("paired one tow --db '" + db + "'");
  CHECK(unknown.code == 2);
  CHECK(contains(unknown.output, "did you mean two"));
}
