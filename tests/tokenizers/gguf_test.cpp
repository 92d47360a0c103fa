// The tokenizer inside SmolLM2's GGUF file, and small made-up ones.
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/digest.h"
#include "tokenizers/joined.h"
#include "test.h"
#include "tokenizers/tokenizer.h"

using namespace bench;

namespace {

/// Just enough of a GGUF header to find the vocabulary.
class Header {
 public:
  explicit Header(const std::string& bytes) : in_(bytes) {}

  BpeVocabulary vocabulary() {
    at_ = 16;  // magic, version, number of tensors
    const auto keys = number<uint64_t>();
    BpeVocabulary out;
    for (uint64_t i = 0; i < keys; ++i) {
      const std::string key = string();
      value(number<uint32_t>(), key, out);
    }
    return out;
  }

 private:
  template <class T>
  T number() {
    T value{};
    REQUIRE(at_ + sizeof(T) <= in_.size());
    std::memcpy(&value, in_.data() + at_, sizeof(T));
    at_ += sizeof(T);
    return value;
  }

  std::string string() {
    const auto length = number<uint64_t>();
    REQUIRE(length <= in_.size() - at_);
    at_ += length;
    return in_.substr(at_ - length, length);
  }

  void value(uint32_t type, const std::string& key, BpeVocabulary& out) {
    if (type == 9) {
      const auto element = number<uint32_t>();
      const auto count = number<uint64_t>();
      for (uint64_t i = 0; i < count; ++i) value(element, key, out);
    } else if (type == 8) {
      const std::string text = string();
      if (key == "tokenizer.ggml.pre") out.pre = text;
      if (key == "tokenizer.ggml.tokens") out.tokens.push_back(text);
      if (key == "tokenizer.ggml.merges") out.merges.push_back(text);
    } else if (type == 4 || type == 5 || type == 6) {
      const auto bits = number<uint32_t>();
      if (key == "tokenizer.ggml.token_type") out.types.push_back(static_cast<int>(bits));
      if (key == "tokenizer.ggml.bos_token_id") out.bos = bits;
      if (key == "tokenizer.ggml.eos_token_id") out.eos = bits;
    } else {
      REQUIRE(type == 7);
      out.add_bos = number<uint8_t>() != 0 && key == "tokenizer.ggml.add_bos_token";
    }
  }

  const std::string& in_;
  size_t at_ = 0;
};

BpeVocabulary tiny(const std::string& pre) {
  BpeVocabulary out;
  out.tokens = {"<|end|>", "a", "b", "1", "2", "Ġ", "ab", "12", "Ġab"};
  out.types = {3, 1, 1, 1, 1, 1, 1, 1, 1};
  out.merges = {"a b", "1 2", "Ġ ab"};
  out.pre = pre;
  out.bos = 0;
  return out;
}

}  // namespace

TEST_CASE("a GGUF vocabulary cuts digits where its pre-tokenizer says so", "[text]") {
  using Ids = std::vector<int64_t>;
  const auto plain = make_gguf_tokenizer(tiny("gpt-2"));
  CHECK(plain->encode("ab ab12", false) == Ids{6, 8, 7});
  const auto digits = make_gguf_tokenizer(tiny("smollm"));
  CHECK(digits->encode("ab ab12", false) == Ids{6, 8, 3, 4});
  CHECK(digits->encode("ab 1", false) == Ids{6, 5, 3});
  CHECK(digits->decode({6, 8, 3, 4}) == "ab ab12");
  CHECK(digits->bos() == 0);
  CHECK(digits->eos() == std::nullopt);
  CHECK(digits->vocab_size() == 9);
  CHECK(digits->hash() != plain->hash());
}

TEST_CASE("control tokens of a GGUF vocabulary are found in the text, BOS is added on demand",
          "[text]") {
  using Ids = std::vector<int64_t>;
  BpeVocabulary vocabulary = tiny("smollm");
  vocabulary.add_bos = true;
  const auto tokenizer = make_gguf_tokenizer(vocabulary);
  CHECK(tokenizer->encode("ab<|end|> ab", true) == Ids{0, 6, 0, 8});
  CHECK(tokenizer->decode({0, 6}) == "<|end|>ab");
}

TEST_CASE("what is wrong with a GGUF vocabulary is said", "[text]") {
  const auto error = [](BpeVocabulary vocabulary) {
    return test::error_of([&] { make_gguf_tokenizer(std::move(vocabulary)); });
  };
  CHECK(test::contains(error(tiny("smolm")), "did you mean smollm"));
  CHECK(test::contains(error(tiny("tekkem")), "tekken"));
  auto types = tiny("smollm");
  types.types.pop_back();
  CHECK(test::contains(error(types), "9 tokens but 8 token types"));
  auto bos = tiny("smollm");
  bos.bos = 9;
  CHECK(test::contains(error(bos), "special id 9"));
  auto merge = tiny("smollm");
  merge.merges.push_back("a q");
  CHECK(test::contains(error(merge), "\"q\" is not in the vocabulary"));
  merge.merges.back() = "a b b";
  CHECK(test::contains(error(merge), "not two parts"));
}

TEST_CASE("SmolLM2's recorded ids", "[text][shared]") {
  SKIP_WITHOUT_SHARED();
  const char* file = std::getenv("BENCH_SMOLLM2");  // the .gguf file
  if (file == nullptr) {
    WARN("skipped: BENCH_SMOLLM2 does not name SmolLM2's GGUF file");
    SUCCEED();
    return;
  }
  const std::string bytes = test::slurp(file);
  const auto tokenizer = make_gguf_tokenizer(Header(bytes).vocabulary());
  CHECK(tokenizer->vocab_size() == 49152);
  CHECK(tokenizer->bos() == 1);
  std::ifstream in(test::shared() / "golden/tokenizers/smollm2.jsonl");
  for (std::string line; std::getline(in, line);) {
    const auto want = nlohmann::json::parse(line);
    CAPTURE(line);
    const auto text = want["text"].get<std::string>();
    CHECK(tokenizer->encode(text, false) == want["ids"].get<std::vector<int64_t>>());
    CHECK(tokenizer->encode(text, true) == want["ids_special"].get<std::vector<int64_t>>());
    CHECK(tokenizer->decode(want["ids"].get<std::vector<int64_t>>()) ==
          want["decoded"].get<std::string>());
  }
  const std::string text = test::joined_wikitext2();
  const auto ids = tokenizer->encode(text, true);
  CHECK(ids.size() == 304978);
  CHECK(sha256_hex(json_array_text(ids)) ==
        "3bcc71668c5f3b0c4fca6564dc0a6fa84b30baba315d7516252c4f77595723d3");
}
