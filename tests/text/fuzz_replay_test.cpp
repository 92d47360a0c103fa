// The fuzzers' corpus of tokenizers in the ordinary program.
#include "fuzz/tokenizer_targets.h"
#include "test.h"

using namespace bench::test;

TEST_CASE("the corpus of tokenizer.json and SentencePiece models", "[text]") {
  const auto replay = [](const char* name, void (*target)(const std::string&)) {
    size_t inputs = 0;
    for (const auto& entry :
         std::filesystem::directory_iterator(root() / "tests/fuzz/corpus" / name)) {
      CAPTURE(entry.path().filename().string());
      CHECK_NOTHROW(target(slurp(entry.path())));
      ++inputs;
    }
    CHECK(inputs >= 10);
  };
  replay("tokenizer", bench::fuzz::tokenizer_bytes);
  replay("sentencepiece", bench::fuzz::sentencepiece_bytes);
}
