// BPE, Unigram and SentencePiece on vocabularies small enough to follow by hand.
#include "tokenizers/make.h"

using namespace bench;
using namespace bench::test;

namespace {

std::unique_ptr<Tokenizer> bpe(const Json& vocab, const Json& merges, Json options = {}) {
  options["type"] = "BPE";
  options["vocab"] = vocab;
  options["merges"] = merges;
  return from_json({{"model", options}});
}

std::unique_ptr<Tokenizer> spm(const SpmFile& file, const std::string& variant = "spm") {
  const TempDir folder;
  write(folder.path / "tokenizer.model", file.bytes());
  return load_tokenizer(folder.path, variant);
}

/// Pieces 3.. of a model that merges "ab" before "bc".
SpmFile letters(uint64_t kind) {
  SpmFile file;
  file.kind = kind;
  const char* texts[] = {"▁", "a", "b", "c", "ab", "bc", "▁ab", "abc"};
  const float scores[] = {-4, -5, -6, -7, -1, -2, -3, -9};
  for (size_t i = 0; i < 8; ++i) file.pieces += piece(texts[i], scores[i]);
  return file;
}

}  // namespace

TEST_CASE("BPE merges by rank, then from the left", "[text]") {
  const Json vocab = {{"a", 0}, {"b", 1}, {"c", 2}, {"ab", 3}, {"bc", 4}, {"abc", 5}, {"aa", 6}};
  CHECK(bpe(vocab, {"b c", "a b"})->encode("abc", false) == Ids{0, 4});
  CHECK(bpe(vocab, {"a b", "b c", "ab c"})->encode("abcbc", false) == Ids{5, 4});
  CHECK(bpe(vocab, Json::array({Json::array({"a", "a"})}))->encode("aaaaa", false) == Ids{6, 6, 0});
  CHECK(bpe(vocab, Json::array(), {{"ignore_merges", true}})->encode("abc", false) == Ids{5});
}

TEST_CASE("what BPE makes of unknown characters", "[text]") {
  const Json vocab = {{"a", 0}, {"?", 1}, {"<0xC3>", 2}, {"<0xA9>", 3}};
  const auto ids = [&](Json options) {
    return bpe(vocab, Json::array(), options)->encode("aéxya", false);
  };
  CHECK(ids(Json::object()) == Ids{0, 0});
  CHECK(ids({{"unk_token", "?"}}) == Ids{0, 1, 1, 1, 0});
  CHECK(ids({{"unk_token", "?"}, {"fuse_unk", true}}) == Ids{0, 1, 0});
  CHECK(ids({{"unk_token", "?"}, {"byte_fallback", true}}) == Ids{0, 2, 3, 1, 1, 0});
}

TEST_CASE("a long text is cut only where no merge can reach", "[text]") {
  // Words of more than 64 bytes take another way through the code; the ids must not depend on it.
  const Json vocab = {{"a", 0}, {"b", 1}, {"_", 2}, {"?", 3}, {"ab", 4}, {"b_", 5}, {"b_a", 6}};
  const auto tokenizer =
      bpe(vocab, {"b _", "b_ a", "a b"}, {{"unk_token", "?"}, {"fuse_unk", true}});
  const std::string part = "ab_abx__yab";
  const Ids once = tokenizer->encode(part, false);
  CHECK(once == Ids{0, 6, 1, 3, 2, 2, 3, 4});
  std::string text;
  Ids want;
  for (int i = 0; i < 40; ++i) {
    text += part;
    want.insert(want.end(), once.begin(), once.end());
  }
  CHECK(tokenizer->encode(text, false) == want);
}

TEST_CASE("a merge of what is no token is an error", "[text]") {
  const Json vocab = {{"a", 0}, {"b", 1}};
  const auto error = [&](const Json& merges) { return error_of([&] { bpe(vocab, merges); }); };
  CHECK(contains(error({"a b"}), "\"ab\" is not in the vocabulary"));
  CHECK(contains(error({"a"}), "not two parts"));
  CHECK(contains(error({3}), "neither"));
  CHECK(contains(error_of([&] { bpe({{"a", 0}, {"b", 0}}, Json::array()); }), "to both"));
  CHECK(contains(error_of([&] { bpe({{"a", 1000000000000}}, Json::array()); }), "only 1 tokens"));
  CHECK(contains(error_of([&] { bpe({{"a", -1}}, Json::array()); }), "no id"));
  CHECK(contains(error_of([&] { bpe(vocab, Json::array(), {{"dropout", 0.1}}); }), "dropout"));
}

TEST_CASE("Unigram takes the best sum of scores", "[text]") {
  const Json vocab =
      Json::parse(R"([["<unk>", 0], ["a", -1], ["b", -1], ["ab", -1.5], ["ba", -1.8]])");
  const auto tokenizer =
      from_json({{"model", {{"type", "Unigram"}, {"unk_id", 0}, {"vocab", vocab}}}});
  CHECK(tokenizer->encode("ab", false) == Ids{3});
  CHECK(tokenizer->encode("aba", false) == Ids{3, 1});
  CHECK(tokenizer->encode("axyb", false) == Ids{1, 0, 2});
  const Json none = {{"model", {{"type", "Unigram"}, {"vocab", vocab}}}};
  CHECK(contains(error_of([&] { from_json(none)->encode("x", false); }), "unk_id"));
}

TEST_CASE("SentencePiece BPE merges by score", "[text]") {
  const auto tokenizer = spm(letters(2));
  CHECK(tokenizer->encode("abc", false) == Ids{9, 6});
  CHECK(tokenizer->encode("abc", true) == Ids{1, 9, 6});
  CHECK(tokenizer->encode("  c  ab ", false) == Ids{3, 6, 9});
  CHECK(tokenizer->encode("", false) == Ids{});
  CHECK(tokenizer->encode("axya", false) == Ids{3, 4, 0, 4});
  CHECK(tokenizer->decode({9, 6}) == "abc");
  CHECK(tokenizer->decode({9, 0, 9}) == "ab \u2047  ab");
  CHECK(tokenizer->bos() == 1);
  CHECK(tokenizer->eos() == 2);
}

TEST_CASE("SentencePiece Unigram", "[text]") {
  const auto tokenizer = spm(letters(1));
  CHECK(tokenizer->encode("abc", false) == Ids{9, 6});
  CHECK(tokenizer->encode("bc", false) == Ids{3, 8});
}

TEST_CASE("the normaliser of a SentencePiece model", "[text]") {
  SpmFile file = letters(2);
  file.normalizer = field(3, uint64_t{0});  // no dummy prefix
  CHECK(spm(file)->encode(" ab  c", false) == Ids{7, 3, 6});
  file.normalizer = field(4, uint64_t{0});  // keeps blanks
  CHECK(spm(file)->encode("ab  c", false) == Ids{9, 3, 3, 6});
}

TEST_CASE("user-defined pieces are taken whole, unused ones are split again", "[text]") {
  SpmFile file = letters(2);
  file.pieces += piece("ca", 0, 4) + piece("cc", 5, 5);
  CHECK(spm(file)->encode("abcab", false) == Ids{9, 11, 5});
  CHECK(spm(file)->encode("cc", false) == Ids{3, 6, 6});
}

TEST_CASE("the variants of one LLaMA model differ where they are known to", "[text]") {
  const SpmFile file = letters(2);
  const std::string text = "ab</s> ab";
  CHECK(contains(error_of([&] { spm(file, "json"); }), "no tokenizer.json"));
  CHECK(spm(file, "spm")->encode(text, true) == Ids{1, 9, 0, 9});
  CHECK(spm(file, "slow4")->encode(text, true) == Ids{1, 9, 2, 9});
  CHECK(spm(file, "fast4")->encode(text, true) == Ids{1, 9, 2, 3, 9});
  CHECK(spm(file, "hf5")->encode(text, true) == Ids{1, 9, 2, 9});
  CHECK(spm(file, "hf5")->encode("axa", false) == Ids{3, 4, 4});  // unknown characters vanish
  CHECK(spm(file, "auto")->variant() == "slow4");
  CHECK(spm(file, "fast4")->hash() != spm(file, "slow4")->hash());
  CHECK(spm(file, "fast4")->hash() == spm(file, "fast4")->hash());
}
