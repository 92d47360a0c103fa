// The fuzzers' corpus of files of tensors in the ordinary program.
#include "corpus.h"
#include "fuzz/picture_targets.h"
#include "fuzz/reader_targets.h"

using namespace bench;
using namespace bench::test;

TEST_CASE("the corpus of safetensors and GGUF files, and of pictures", "[io]") {
  CHECK(replay("safetensors", fuzz::safetensors_bytes) >= 10);
  CHECK(replay("gguf", fuzz::gguf_bytes) >= 10);
  CHECK(replay("picture", fuzz::picture_bytes) >= 10);
}

TEST_CASE("the seeds of the corpus are files that can be read", "[io]") {
  const auto corpus = root() / "tests/fuzz/corpus";
  for (const char* name : {"seed_00", "seed_01", "seed_02", "seed_03", "seed_04"})
    CHECK_NOTHROW(read_safetensors((corpus / "safetensors" / name).string()));
  for (const char* name : {"seed_00", "seed_01", "seed_02"}) {
    auto gguf = read_gguf((corpus / "gguf" / name).string());
    CHECK(make_gguf_tokenizer(std::move(gguf.vocabulary))->vocab_size() == 9);
  }
}

TEST_CASE("impossible sizes, types and offsets are sentences that name the file", "[io]") {
  const auto corpus = root() / "tests/fuzz/corpus";
  size_t refused = 0;
  for (const char* kind : {"safetensors", "gguf"})
    for (const auto& entry : std::filesystem::directory_iterator(corpus / kind)) {
      const auto file = entry.path().string();
      if (!contains(file, "regress_")) continue;
      INFO(file);
      const auto said = error_of([&] {
        if (std::string(kind) == "gguf")
          read_gguf(file);
        else
          read_safetensors(file);
      });
      CHECK(said.rfind(file, 0) == 0);
      ++refused;
    }
  CHECK(refused >= 14);
}
