#include "results/cost.h"

#include "test.h"

using namespace bench;

namespace {

Trial trial(const std::string& model, const std::string& method, const std::string& pattern,
            double seconds, const std::string& state = "done") {
  Trial t;
  t.model = model;
  t.method = method;
  t.pattern = pattern;
  t.state = state;
  t.started = 100;
  t.finished = 100 + seconds;
  return t;
}

}  // namespace

TEST_CASE("a trial costs what the trials most like it did", "[cost]") {
  const std::vector<Trial> done{
      trial("a", "wanda", "x", 4),      trial("a", "wanda", "x", 6),
      trial("a", "wanda", "x", 50),     trial("a", "wanda", "2:4", 20),
      trial("a", "obs", "x", 90),       trial("a", "obs", "x", 1, "failed"),
      trial("a", "obs", "x", 0, "done")};
  const auto cost = [&](const TrialSpec& t) {
    return predicted_cost({t}, done, {{"a", 1000}, {"b", 3000}}).at(0);
  };
  CHECK(cost(trial("a", "wanda", "x", 0)) == 6);    // the median of 4, 6, 50
  CHECK(cost(trial("a", "obs", "x", 0)) == 90);     // failed ones and those of no time say nothing
  CHECK(cost(trial("a", "obs", "2:4", 0)) == 90);   // the method
  CHECK(cost(trial("a", "random", "x", 0)) == 20);  // the model
  CHECK(cost(trial("b", "wanda", "x", 0)) == 60);   // 20 s for 1000 bytes
  CHECK(predicted_cost({trial("b", "w", "x", 0), trial("c", "w", "x", 0)}, {}, {{"b", 9}}) ==
        std::vector<double>{9, 1});
}
