// lm-eval's own v0 test data: hashes of every zero-shot request, and metric values under
// pseudo-random scores (evaluation.md 8; EleutherAI/lm-evaluation-harness@4e7e0d47f33b
// tests/testdata, MIT).
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/digest.h"
#include "base/python_random.h"
#include "data/data.h"
#include "tasks/choices.h"
#include "tasks/statistics.h"
#include "test.h"
#include "jinja/python_string.h"
#include "data/wikitext.h"

using namespace bench;

namespace {

struct V0 {
  std::string file, name, hash;
  double acc, acc_stderr, norm = -1, norm_stderr = 0;
};
const std::vector<V0> kTasks{
    {"piqa_valid", "piqa", "6048a3a2bb3ad1e6a3d98139618e06b4d7de766edd685bd38837596199c3f69f",
     0.514145810663765, 0.011661154475524836, 0.5114254624591947, 0.01166277802645167},
    {"winogrande_dev", "winogrande",
     "90a3eff49de9173964d46f5ed57bcf9a78a72dd1bfe0e5323b25cebb40b49ea9", 0.516179952644041,
     0.014045126130978606},
    {"arc_easy_test", "arc_easy",
     "ffa6e39a35a16299dcb015f17f986aaa598ad8b4840c4cebe0339a7042232741", 0.2474747474747475,
     0.008855114414834707, 0.24074074074074073, 0.008772796145221907},
    {"arc_challenge_test", "arc_challenge",
     "41c34c96cca8ace661911d0033d630c554b283f5a3953bcdc50720ae6b00a9c1", 0.24488054607508533,
     0.012566273985131354, 0.2440273037542662, 0.012551447627856257},
    {"openbookqa_test", "openbookqa",
     "78a49a0ca1a47373adb33463b1d092e6bc0d8f4b01bcb380ada48065037849d7", 0.214,
     0.018359797502387046, 0.276, 0.020011219298073517},
    {"boolq_superglue_valid", "boolq",
     "6577e0d88572772ef08e64f624c0e3df0953286ae1f118ccef15623b59ffeabf", 0.5048929663608562,
     0.00874463623355505}};

std::string python_string(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', /*ensure_ascii=*/true);
}

std::vector<Question> shuffled(const V0& task) {
  auto all = Prompts(read_task(task.name), 0, "").questions(0);
  PythonRandom(42).shuffle(all);
  if (task.name == "boolq")  // v0 sent yes, then no
    for (auto& q : all) {
      std::swap(q.continuations[0], q.continuations[1]);
      std::swap(q.characters[0], q.characters[1]);
      q.right.front() = 1 - q.right.front();
    }
  return all;
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
      std::vector<double> sums;
      for (size_t i = 0; i < q.continuations.size(); ++i) sums.push_back(-random.random());
      const auto gold = static_cast<size_t>(q.right.front());
      acc.push_back(first_maximum(sums) == gold);
      norm.push_back(first_maximum(per_character(q, sums)) == gold);
    }
    CHECK(std::abs(mean(acc) - task.acc) < 1e-14);
    CHECK(std::abs(mean_stderr(acc) - task.acc_stderr) < 1e-12);
    if (task.norm < 0) continue;
    CHECK(std::abs(mean(norm) - task.norm) < 1e-14);
    CHECK(std::abs(mean_stderr(norm) - task.norm_stderr) < 1e-12);
  }
}

TEST_CASE("the detokenised pages of WikiText-2 have lm-eval's hash", "[tasks]") {
  const auto pages = text::wikitext_pages(read_file(data_file("text/wikitext2/wiki.test.raw")));
  REQUIRE(pages.size() == 62);
  std::vector<std::string> order = pages;
  PythonRandom(42).shuffle(order);
  Sha256 digest;
  const char* comma = "[";
  for (const auto& page : order) {
    digest.update(comma + ("[" + python_string(text::wikitext_detokenise(page)) + "]"));
    comma = ", ";
  }
  digest.update("]");
  CHECK(digest.hex() == "b6f83e6cf7535ee41b0057c3e2ec2cf7f2fa5a9119b305c479a83091d1142b2c");

  PythonRandom random(42);
  std::vector<Weighted> words, bytes;
  double all_words = 0, all_bytes = 0;
  for (const auto& page : order) {
    const double ll = -random.random();
    words.push_back({ll, static_cast<double>(text::count_split_pieces(page))});
    bytes.push_back({ll, static_cast<double>(page.size())});
    all_words += words.back().weight;
    all_bytes += bytes.back().weight;
  }
  CHECK(all_words == 241335);
  CHECK(all_bytes == 1290527);
  CHECK(std::abs(weighted_perplexity(words) - 1.000118710696617) < 1e-14);
  CHECK(std::abs(weighted_perplexity(bytes) - 1.0000221984224973) < 1e-14);
  CHECK(std::abs(bits_per_byte(bytes) - 3.202519859941674e-05) < 1e-18);
}
