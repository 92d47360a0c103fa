// WikiText-2 as the pruning papers tokenise it, and llama.cpp's vectors.
#include <chrono>

#include "base/digest.h"
#include "tokenizers/joined.h"
#include "test.h"
#include "tokenizers/tokenizer.h"

using namespace bench;

namespace {

void check_stream(const Tokenizer& tokenizer, size_t count, const std::string& sha256) {
  const std::string text = test::joined_wikitext2();
  REQUIRE(text.size() == 1296370);
  const auto start = std::chrono::steady_clock::now();
  const auto ids = tokenizer.encode(text, true);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  CAPTURE(tokenizer.variant(), seconds.count());
  CHECK(ids.size() == count);
  CHECK(sha256_hex(json_array_text(ids)) == sha256);
  CHECK(seconds.count() < 30);  // a guard against quadratic time, not a benchmark
}

std::vector<std::string> split(const std::string& text, const std::string& by) {
  std::vector<std::string> parts;
  size_t at = 0;
  for (size_t found = text.find(by); found != std::string::npos; found = text.find(by, at)) {
    parts.push_back(text.substr(at, found - at));
    at = found + by.size();
  }
  parts.push_back(text.substr(at));
  return parts;
}

int check_vectors(const Tokenizer& tokenizer, const std::string& name) {
  const auto folder = test::shared() / "data/tokenizers/vectors";
  const auto texts = split(test::slurp(folder / (name + ".inp")), "\n__ggml_vocab_test__\n");
  const auto lines = split(test::slurp(folder / (name + ".out")), "\n");
  int checked = 0;
  for (size_t i = 0; i < texts.size() && i < lines.size(); ++i) {
    if (i + 1 == texts.size() && texts[i].empty()) break;  // behind the last separator
    std::istringstream in(lines[i]);
    std::vector<int64_t> want;
    for (int64_t id = 0; in >> id;) want.push_back(id);
    CAPTURE(name, i, texts[i]);
    CHECK(tokenizer.encode(texts[i], false) == want);
    ++checked;
  }
  return checked;
}

}  // namespace

TEST_CASE("llama.cpp's vectors", "[text][shared]") {
  SKIP_WITHOUT_SHARED();
  const auto folder = test::shared() / "data/tokenizers";
  CHECK(check_vectors(*load_tokenizer(folder / "gpt2"), "ggml-vocab-gpt-2.gguf") == 46);
  for (const char* variant : {"spm", "slow4", "fast4"}) {
    const auto llama = load_tokenizer(folder / "llama", variant);
    CHECK(check_vectors(*llama, "ggml-vocab-llama-spm.gguf") == 46);
  }
}

TEST_CASE("WikiText-2 has the recorded ids", "[text][shared]") {
  SKIP_WITHOUT_SHARED();
  const auto folder = test::shared() / "data/tokenizers";
  const std::string llama = "3ae8ba0d86813f4c25eb87d30da463b0e4b75c6ef2f5ab2686c1d822c3b8148c";
  check_stream(*load_tokenizer(folder / "llama", "slow4"), 341469, llama);
  check_stream(*load_tokenizer(folder / "llama", "fast4"), 341469, llama);
  check_stream(*load_tokenizer(folder / "gpt2"), 287644,
               "3f29f62fdb9bd7755310993e2461290d99a69b183c60dd0b45e54d43c26404b2");
  check_stream(*load_tokenizer(folder / "opt"), 287645,
               "fcad052fbf8afa9120a64a65e080bb50f28d41f5a70ed9401ab06ba5cb2f4f2d");
}
