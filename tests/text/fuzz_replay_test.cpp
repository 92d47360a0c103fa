// The fuzzers' corpus of tokenizers in the ordinary program.
#include "corpus.h"
#include "fuzz/tokenizer_targets.h"

using namespace bench::test;

TEST_CASE("the corpus of tokenizer.json and SentencePiece models", "[text]") {
  replay("tokenizer", bench::fuzz::tokenizer_bytes);
  replay("sentencepiece", bench::fuzz::sentencepiece_bytes);
}
