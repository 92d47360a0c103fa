// The fuzzers' corpus of tokenizers in the ordinary program.
#include "corpus.h"
#include "fuzz/tokenizer_targets.h"

using namespace bench::test;

TEST_CASE("the corpus of tokenizer.json and SentencePiece models", "[text]") {
  CHECK(replay("tokenizer", bench::fuzz::tokenizer_bytes) >= 10);
  CHECK(replay("sentencepiece", bench::fuzz::sentencepiece_bytes) >= 10);
}
