#include "results/verdict.h"

#include <set>

#include "test.h"

using namespace bench;

TEST_CASE("a verdict of a task concerns its numbers only", "[results]") {
  const auto v = task_verdict("dataset_hash", false, "wikitext2@512", "wanda@1", "other bytes");
  CHECK(v.detail == "wikitext2@512 · wanda@1: other bytes");
  CHECK(concerns(v, "wikitext2@512", "wanda@1"));
  CHECK(!concerns(v, "wikitext2@51", "wanda@1"));
  CHECK(!concerns(v, "wikitext2@512", "wanda@2"));
  CHECK(!concerns(v, "piqa", "wanda@1"));
  CHECK(concerns({"mask_holds", false, "anything"}, "piqa", "x"));
  CHECK(concerns({"a rule of tomorrow", false, "piqa · x: y"}, "boolq", "x"));
  CHECK(only_warns({"calibration_leak", false, ""}));
  CHECK(!only_warns({"dense_gate", false, ""}));
  CHECK(!only_warns({"a rule of tomorrow", false, ""}));
}

TEST_CASE("rule ids are each one's own", "[results]") {
  std::set<std::string> ids;
  for (const auto& rule : rules()) CHECK(ids.insert(rule.id).second);
  CHECK(ids.count("window_count") == 1);
}
