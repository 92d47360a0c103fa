// Words and pieces of words: WordPiece, BERT's normaliser and pre-tokeniser, pairs of texts.
#include "tokenizers/make.h"

using namespace bench;
using namespace bench::test;

namespace {

Json words() {
  Json vocab;
  int64_t id = 0;
  for (const char* token : {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "un", "##aff", "##able",
                            "want", "##ed", ",", "run", "ä", "a", "##b", "中"})
    vocab[token] = id++;
  return {{"type", "WordPiece"},
          {"unk_token", "[UNK]"},
          {"continuing_subword_prefix", "##"},
          {"max_input_chars_per_word", 10},
          {"vocab", vocab}};
}

std::unique_ptr<Tokenizer> bert(const Json& changes = Json::object()) {
  Json all{{"model", words()},
           {"normalizer", {{"type", "BertNormalizer"}}},
           {"pre_tokenizer", {{"type", "BertPreTokenizer"}}},
           {"post_processor",
            {{"type", "BertProcessing"}, {"sep", {"[SEP]", 3}}, {"cls", {"[CLS]", 2}}}},
           {"decoder", {{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", true}}}};
  all.update(changes);
  return from_json(all);
}

}  // namespace

TEST_CASE("WordPiece takes the longest piece, and unknown words whole", "[text]") {
  const auto t = bert();
  CHECK(t->encode("UNaffable, wanted", false) == Ids{5, 6, 7, 10, 8, 9});
  CHECK(t->encode("unaffablex run", false) == Ids{1, 11});
  CHECK(t->encode("aaaaaaaaaaa", false) == Ids{1});  // longer than max_input_chars_per_word
  CHECK(t->encode("run", true) == Ids{2, 11, 3});
  CHECK(t->decode({5, 6, 7, 10, 8, 9}) == "unaffable, wanted");
}

TEST_CASE("BERT's normaliser", "[text]") {
  CHECK(bert()->encode("Ä", false) == Ids{13});  // accents go where letters are lowered
  const Json cased{{"type", "BertNormalizer"}, {"lowercase", false}};
  CHECK(bert({{"normalizer", cased}})->encode("ä", false) == Ids{12});
  CHECK(bert()->encode("run中run", false) == Ids{11, 15, 11});
  CHECK(normalized({{"type", "BertNormalizer"}}, std::string("a\0\u200B\tb", 7)) == "a b");
  CHECK(normalized({{"type", "StripAccents"}}, "e\u0301a") == "ea");
  CHECK(normalized({{"type", "Nmt"}}, "a\u200Bb\x01") == "a b");
  CHECK(cut({{"type", "BertPreTokenizer"}}, "it's  a-b") == "|it|'|s|a|-|b");
  CHECK(cut({{"type", "CharDelimiterSplit"}, {"delimiter", "-"}}, "a-b--c") == "|a|b|c");
}

TEST_CASE("pairs of texts stand as their template says", "[text]") {
  const auto pair = bert()->encode_pair("run", "a");
  CHECK(pair.ids == Ids{2, 11, 3, 13, 3});
  CHECK(pair.types == Ids{0, 0, 0, 1, 1});
  const Json roberta{{"type", "RobertaProcessing"}, {"sep", {"[SEP]", 3}}, {"cls", {"[CLS]", 2}}};
  const auto other = bert({{"post_processor", roberta}})->encode_pair("run", "a");
  CHECK(other.ids == Ids{2, 11, 3, 3, 13, 3});
  CHECK(other.types == Ids{0, 0, 0, 0, 0, 0});
  CHECK(error_of([] { from_json(Json::object())->encode_pair("a", "b"); }).size() > 20);
}

TEST_CASE("vocab.txt is BERT's tokenizer", "[text]") {
  const TempDir folder;
  write(folder.path / "vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nrun\n##s\n");
  write(folder.path / "tokenizer_config.json", R"({"tokenizer_class": "BertTokenizer"})");
  const auto t = load_tokenizer(folder.path);
  CHECK(t->encode("Runs", true) == Ids{2, 5, 6, 3});
  CHECK(t->mask() == 4);
  CHECK(t->is_special(2));
}

TEST_CASE("WordPiece without its unknown token is an error", "[text]") {
  auto model = words();
  model["unk_token"] = "nothing";
  CHECK(error_of([&] { bert({{"model", model}}); }).find("nothing") != std::string::npos);
}
