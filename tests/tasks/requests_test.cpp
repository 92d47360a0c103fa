// lm-eval's own v0 test data: hashes of every zero-shot request, and metric values under
// pseudo-random scores (evaluation.md 8; EleutherAI/lm-evaluation-harness@4e7e0d47f33b
// tests/testdata, MIT).
#include <cmath>
#include <nlohmann/json.hpp>

#include "test.h"

#include "base/digest.h"
#include "base/python_random.h"
#include "tasks/documents.h"

using namespace bench;

namespace {

struct V0 {
  std::string file, recipe, hash;
  double acc, acc_stderr, norm;
};
const std::vector<V0> kTasks{
    {"piqa_valid", "piqa", "6048a3a2bb3ad1e6a3d98139618e06b4d7de766edd685bd38837596199c3f69f",
     0.514145810663765, 0.011661154475524836, 0.5114254624591947},
    {"winogrande_dev", "winogrande",
     "90a3eff49de9173964d46f5ed57bcf9a78a72dd1bfe0e5323b25cebb40b49ea9", 0.516179952644041,
     0.014045126130978606, -1},
    {"arc_easy_test", "arc", "ffa6e39a35a16299dcb015f17f986aaa598ad8b4840c4cebe0339a7042232741",
     0.2474747474747475, 0.008855114414834707, 0.24074074074074073},
    {"arc_challenge_test", "arc",
     "41c34c96cca8ace661911d0033d630c554b283f5a3953bcdc50720ae6b00a9c1", 0.24488054607508533,
     0.012566273985131354, 0.2440273037542662},
    {"openbookqa_test", "openbookqa",
     "78a49a0ca1a47373adb33463b1d092e6bc0d8f4b01bcb380ada48065037849d7", 0.214,
     0.018359797502387046, 0.276},
    {"boolq_superglue_valid", "boolq",
     "6577e0d88572772ef08e64f624c0e3df0953286ae1f118ccef15623b59ffeabf", 0.5048929663608562,
     0.00874463623355505, -1}};

std::string python_string(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', /*ensure_ascii=*/true);
}

std::vector<Question> shuffled(const V0& task) {
  auto all = read_questions("tasks/" + task.file + ".jsonl", task.recipe, 0);
  PythonRandom(42).shuffle(all);
  if (task.recipe == "boolq")  // v0 sent yes, then no
    for (auto& q : all) {
      std::swap(q.continuations[0], q.continuations[1]);
      std::swap(q.lengths[0], q.lengths[1]);
      q.gold = 1 - q.gold;
    }
  return all;
}

double share(const std::vector<double>& hits) {
  double sum = 0;
  for (const double h : hits) sum += h;
  return sum / double(hits.size());
}

}  // namespace

TEST_CASE("six request lists have lm-eval's hashes", "[tasks]") {
  for (const auto& task : kTasks) {
    INFO(task.file);
    Sha256 digest;
    digest.update("[");
    const char* comma = "";
    for (const auto& q : shuffled(task))
      for (size_t i = 0; i < q.continuations.size(); ++i) {
        const auto& context = q.contexts[q.contexts.size() == 1 ? 0 : i];
        digest.update(std::string(comma) + "[" + python_string(context) + ", " +
                      python_string(q.continuations[i]) + "]");
        comma = ", ";
      }
    digest.update("]");
    CHECK(digest.hex() == task.hash);
  }
}

TEST_CASE("metrics under pseudo-random scores equal lm-eval's", "[tasks]") {
  for (const auto& task : kTasks) {
    INFO(task.file);
    PythonRandom random(42);
    std::vector<double> acc, norm;
    for (const auto& q : shuffled(task)) {
      std::vector<double> ll, per;
      for (size_t i = 0; i < q.continuations.size(); ++i) {
        ll.push_back(-random.random());
        per.push_back(ll.back() / double(q.lengths[i]));
      }
      const auto best = [](const std::vector<double>& v) {
        return std::max_element(v.begin(), v.end()) - v.begin();
      };
      acc.push_back(best(ll) == q.gold);
      norm.push_back(best(per) == q.gold);
    }
    CHECK(std::abs(share(acc) - task.acc) < 1e-14);
    const double p = share(acc), n = double(acc.size());
    CHECK(std::abs(std::sqrt(p * (1 - p) / (n - 1)) - task.acc_stderr) < 1e-12);
    if (task.norm >= 0) CHECK(std::abs(share(norm) - task.norm) < 1e-14);
  }
}
