// Mean average precision: matching and interpolation by hand; the task.
#include <cmath>

#include "core/stage.h"
#include "core/task.h"
#include "fixture.h"
#include "tasks/average_precision.h"
#include "tiny_vision.h"

using namespace bench;
using namespace bench::test;

namespace {

const Box kUnit{0, 0, 10, 10};
/// COCO adds 2^-52 to what precision is divided by.
bool near(double a, double b) {
  return std::abs(a - b) < 1e-12;
}
/// Overlaps the unit box by (10 - off) / (10 + off).
Box moved(double off) {
  return {off, 0, 10 + off, 10};
}

}  // namespace

TEST_CASE("average precision: matching", "[detection]") {
  const std::vector<Placed> there{{0, {0, 1, kUnit}}};
  const std::vector<Placed> right{{0, {0, 0.9, moved(1)}}};  // overlap 9 / 11 = 0.818
  CHECK(near(average_precision(right, there, 0.5), 1));
  CHECK(near(average_precision(right, there, 0.8), 1));
  CHECK(average_precision(right, there, 0.85) == 0);
  // A box is taken once: the second find of it is wrong, but comes after it.
  const std::vector<Placed> twice{{0, {0, 0.9, kUnit}}, {0, {0, 0.8, moved(1)}}};
  CHECK(near(average_precision(twice, there, 0.5), 1));
  // The higher score chooses first, even where the lower one fits better.
  const std::vector<Placed> worse{{0, {0, 0.8, kUnit}}, {0, {0, 0.9, moved(4)}}};
  CHECK(std::abs(average_precision(worse, there, 0.5) - 0.5) < 1e-9);  // 6 / 14 is too little
  CHECK(near(average_precision(worse, there, 0.4), 1));
  // Another image is another place.
  CHECK(average_precision({{1, {0, 0.9, kUnit}}}, there, 0.5) == 0);
  CHECK(average_precision({}, there, 0.5) == 0);
  CHECK(std::isnan(average_precision(right, {}, 0.5)));
}

TEST_CASE("average precision: interpolation at 101 recalls", "[detection]") {
  // Four boxes in four images; finds by falling score: right, wrong, right, right; one is missed.
  // Recalls 1/4, 1/4, 2/4, 3/4; precisions 1, 1/2, 2/3, 3/4, made falling: 1, 3/4, 3/4, 3/4.
  std::vector<Placed> there, found;
  for (int64_t i = 0; i < 4; ++i) there.push_back({i, {0, 1, kUnit}});
  found = {
      {0, {0, 0.9, kUnit}}, {1, {0, 0.8, moved(8)}}, {1, {0, 0.7, kUnit}}, {2, {0, 0.6, kUnit}}};
  // Recalls 0 to 0.25: 26 points with precision 1; 0.26 to 0.75: 50 with 3/4; beyond: 25 with 0.
  CHECK(std::abs(average_precision(found, there, 0.5) - (26 + 50 * 0.75) / 101) < 1e-9);
}

TEST_CASE("mean precision: classes that are there, ten overlaps", "[detection]") {
  const std::vector<Placed> there{{0, {0, 1, kUnit}}, {0, {2, 1, kUnit}}};
  // Class 0 with overlap 0.818: right at 0.5 .. 0.8, seven of ten; class 2 not found; class 1 is
  // nowhere and does not count, nor does what is found of it.
  const std::vector<Placed> found{{0, {0, 0.9, moved(1)}}, {0, {1, 0.99, kUnit}}};
  const auto mean = mean_precision(found, there, 3);
  CHECK(std::abs(mean.all - 0.7 / 2) < 1e-9);
  CHECK(near(mean.at50, 0.5));
  CHECK(near(mean.at75, 0.5));
  CHECK(mean_precision(found, {}, 3).all == 0);
}

TEST_CASE("task detection: a detector trained for a while finds more; classifiers are refused",
          "[detection][training]") {
  Value::Map how{{"file", Value("shapes:seed=1,count=40,size=32")}};
  const auto task = Registry<Task>::instance().create("detection", Value{how});
  const auto detector = tiny_vision("detector"), classes = tiny_vision("resnet_b");
  TaskContext c{*detector};
  CHECK(contains(error_of([&] { task->run(TaskContext{*classes}); }), "needs a detector"));
  std::map<std::string, std::shared_ptr<const Snapshot>> kept;
  Method m;
  double first = 0;
  StageContext context{*detector, m, 0, at::kCPU, kept, {}, {}, ""};
  context.record = [&](const std::string& name, double value, const std::string&) {
    if (name == "train_loss") first = value;
  };
  const auto train = [&](int64_t steps) {
    Value::Map s{{"file", Value("shapes:seed=0,count=64,size=32")},
                 {"steps", Value(steps)},
                 {"batch", Value(int64_t{16})},
                 {"optimizer", Value("adamw")},
                 {"lr_schedule", Value("constant")},
                 {"lr", 0.01}};
    at::NoGradGuard no_grad;
    Registry<Stage>::instance().create("train", Value{s})->apply(context);
    return first;
  };
  const double before = train(1);
  CHECK(train(150) < 0.5 * before);
  const auto metrics = task->run(c);
  REQUIRE(metrics.size() == 3);
  CHECK(metrics[0].name == "map");
  CHECK(metrics[1].value >= metrics[0].value);
  CHECK(metrics[1].value > 0.02);
  CHECK(metrics[0].n == 40);
  const auto top1 = Registry<Task>::instance().create(
      "classification", Value{Value::Map{{"file", Value("shapes:seed=1,count=4,size=32")}}});
  CHECK(contains(error_of([&] { top1->run(c); }), "has boxes"));
}
