// Which files are read, what they say, and what happens to those that are broken.
#include <random>

#include "tokenizers/make.h"

using namespace bench;
using namespace bench::test;

namespace {

/// A folder with GPT-2's kind of files; "ab" is a merge.
void write_pair(const std::filesystem::path& folder, const Json& extra,
                const std::string& merges = "#version: 0.2\na b\n") {
  Json vocab = {{"a", 10}, {"b", 11}, {"ab", 12}, {"Ġ", 13}};
  vocab.update(extra);
  write(folder / "vocab.json", vocab.dump());
  write(folder / "merges.txt", merges);
}

const Json kOpt = {{"<s>", 0}, {"<pad>", 1}, {"</s>", 2}, {"<unk>", 3}};

SpmFile letters() {
  SpmFile file;
  file.pieces = piece("▁", -1) + piece("a", -2) + piece("b", -3) + piece("ab", -4);
  return file;
}

}  // namespace

TEST_CASE("GPT-2 and OPT are told apart", "[text]") {
  const TempDir folder;
  write_pair(folder.path, {{"<|endoftext|>", 5}});
  const auto gpt2 = load_tokenizer(folder.path);
  CHECK(gpt2->encode("ab<|endoftext|>a", true) == Ids{12, 5, 10});
  CHECK(gpt2->bos() == 5);
  write_pair(folder.path, kOpt);
  const auto opt = load_tokenizer(folder.path / "vocab.json");
  CHECK(opt->encode("ab</s>", true) == Ids{2, 12, 2});
  CHECK(opt->encode("<pad>", false) == Ids{1});
  CHECK(opt->eos() == 2);
  CHECK(opt->variant() == "json");
  write_pair(folder.path, Json::object());
  CHECK(contains(error_of([&] { load_tokenizer(folder.path); }), "tokenizer_config.json"));
}

TEST_CASE("tokenizer_config.json says what is special and what is added", "[text]") {
  const TempDir folder;
  write_pair(folder.path, {{"<x>", 6}});
  write(folder.path / "tokenizer_config.json",
        R"({"bos_token": {"content": "<x>"}, "eos_token": null, "add_bos_token": true})");
  const auto tokenizer = load_tokenizer(folder.path);
  CHECK(tokenizer->encode("a", true) == Ids{6, 10});
  CHECK(tokenizer->bos() == 6);
  CHECK(tokenizer->eos() == std::nullopt);
  write(folder.path / "special_tokens_map.json", R"({"eos_token": "<x>"})");
  CHECK(load_tokenizer(folder.path)->eos() == std::nullopt);  // null was said, and said first
}

TEST_CASE("config.json gives ids where the tokenizer's files are silent", "[text]") {
  const TempDir folder;
  write(folder.path / "tokenizer.json",
        R"({"model": {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": []}})");
  CHECK(load_tokenizer(folder.path)->bos() == std::nullopt);
  write(folder.path / "config.json", R"({"bos_token_id": 1, "eos_token_id": [0, 1]})");
  const auto tokenizer = load_tokenizer(folder.path);
  CHECK(tokenizer->bos() == 1);
  CHECK(tokenizer->eos() == 0);
}

TEST_CASE("the configuration of a LLaMA tokenizer", "[text]") {
  const TempDir folder;
  write(folder.path / "tokenizer.model", letters().bytes());
  const auto ids = [&](const Json& config, const char* variant, const std::string& text) {
    write(folder.path / "tokenizer_config.json", config.dump());
    return load_tokenizer(folder.path, variant)->encode(text, true);
  };
  const Json llama = {{"tokenizer_class", "LlamaTokenizer"}};
  for (const char* variant : {"slow4", "fast4"}) {
    CHECK(ids(llama, variant, "b") == Ids{1, 3, 5});
    CHECK(ids({{"add_bos_token", false}, {"add_eos_token", true}}, variant, "b") == Ids{3, 5, 2});
    CHECK(ids({{"legacy", false}}, variant, "</s>b") == Ids{1, 2, 5});
  }
  CHECK(ids(llama, "hf5", "b</s>b") == Ids{3, 5, 2, 5});
  CHECK(ids({{"tokenizer_class", "LlamaTokenizer"}, {"legacy", true}, {"add_bos_token", true}},
            "hf5", "</s>b") == Ids{1, 2, 3, 5});
  const Json other = {{"tokenizer_class", "T5TokenizerFast"}};
  CHECK(contains(error_of([&] { ids(other, "hf5", ""); }), "T5Tokenizer"));
  Json wrong = llama;
  wrong["added_tokens_decoder"]["9"]["content"] = "ab";
  for (const char* variant : {"slow4", "fast4", "hf5"})
    CHECK(contains(error_of([&] { ids(wrong, variant, ""); }), "stated to have id 9"));
}

TEST_CASE("what is not there is said", "[text]") {
  const TempDir folder;
  const auto error = [&](const std::string& name, const char* variant = "auto") {
    return error_of([&] { load_tokenizer(folder.path / name, variant); });
  };
  CHECK(contains(error(""), "holds no tokenizer"));
  CHECK(contains(error("tokenizer.json"), "does not exist"));
  CHECK(contains(error("", "slow"), "did you mean slow4"));
  write(folder.path / "words.txt", "a");
  CHECK(contains(error("words.txt"), "neither a .json nor a .model"));
  write(folder.path / "vocab.json", "{}");
  CHECK(contains(error("vocab.json"), "side by side"));
  write(folder.path / "merges.txt", "a b c\n");
  CHECK(contains(error(""), "merges.txt"));
  CHECK(contains(error("", "spm"), "no tokenizer.model"));
}

TEST_CASE("broken files are errors that name the file", "[text]") {
  const TempDir folder;
  const auto error = [&](const char* name, const std::string& bytes) {
    write(folder.path / name, bytes);
    return error_of([&] { load_tokenizer(folder.path / name); });
  };
  CHECK(contains(error("tokenizer.json", "{"), "tokenizer.json is not valid JSON"));
  CHECK(contains(error("tokenizer.json", "[]"), "lacks \"model\""));
  CHECK(contains(error("tokenizer.json", std::string(100000, '[')), "nests deeper"));
  CHECK(contains(error("tokenizer.json", "{\"model\": {\"type\": \"BPE\", \"vocab\": 3}}"),
                 "not an object"));
  CHECK(contains(error("a.model", ""), "has no pieces"));
  CHECK(contains(error("a.model", "hello"), "a.model is not a SentencePiece model"));
  CHECK(contains(error("a.model", "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), "not there"));
  CHECK(contains(error("a.model", std::string(20, '\xff')), "more than ten bytes"));
  CHECK(contains(error("a.model", piece("a", 0)), "0 unknown pieces"));
  SpmFile file = letters();
  file.kind = 3;
  CHECK(contains(error("a.model", file.bytes()), "type 3"));
  file = letters();
  file.pieces += piece("a", 0);
  CHECK(contains(error("a.model", file.bytes()), "\"a\" twice"));
  file = letters();
  file.trainer = field(35, uint64_t{1});
  CHECK(contains(error("a.model", file.bytes()), "byte_fallback"));
  file = letters();
  file.normalizer = field(2, std::string("\xff\xff\xff\xff", 4));
  CHECK(contains(error("a.model", file.bytes()), "wrong size"));
}

TEST_CASE("text that is not UTF-8 is refused, ids without a token are silent", "[text]") {
  const TempDir folder;
  write(folder.path / "tokenizer.model", letters().bytes());
  for (const char* variant : {"spm", "slow4", "fast4", "hf5"}) {
    const auto tokenizer = load_tokenizer(folder.path, variant);
    CHECK(contains(error_of([&] { tokenizer->encode("a\xff", false); }), "at byte 1"));
    CHECK(tokenizer->decode({4, -1, 1000000}) == "a");
  }
}

TEST_CASE("damaged files never do more than throw", "[text]") {
  const TempDir folder;
  std::mt19937 random(1);
  const auto damage = [&](const std::string& good, const char* name) {
    for (int i = 0; i < 400; ++i) {
      std::string bytes = good;
      for (unsigned n = 1 + random() % 4; n > 0; --n)
        bytes[random() % bytes.size()] = static_cast<char>(random());
      if (i % 5 == 0) bytes.resize(random() % bytes.size());
      write(folder.path / name, bytes);
      error_of([&] {
        const auto tokenizer = load_tokenizer(folder.path / name);
        tokenizer->decode(tokenizer->encode("ab  a\u0301c </s> x", true));
      });
    }
  };
  SpmFile file = letters();
  // A table of two units: the character a becomes b.
  file.normalizer = field(2, std::string("\x08\0\0\0\0\x04\0\0\x61\x01\0\0b\0", 14));
  damage(file.bytes(), "a.model");
  damage(R"({"added_tokens": [{"id": 0, "content": "a"}], "normalizer": {"type": "NFC"},
             "pre_tokenizer": {"type": "Split", "pattern": {"Regex": "[a[bc]]+|\\s"},
             "behavior": "Isolated"}, "decoder": {"type": "Strip", "content": "a", "start": 1,
             "stop": 1}, "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2},
             "merges": ["a b"], "unk_token": "b"}})",
         "tokenizer.json");
  SUCCEED();
}
