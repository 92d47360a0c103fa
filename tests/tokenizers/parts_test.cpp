// Normalisers, pre-tokenisers and decoders of tokenizer.json, one by one.
#include "tokenizers/make.h"

using namespace bench;
using namespace bench::test;

namespace {

Json split(const char* behavior, bool invert = false) {
  return {{"type", "Split"},
          {"pattern", {{"String", "-"}}},
          {"behavior", behavior},
          {"invert", invert}};
}

/// Decodes tokens that are added to a vocabulary of bytes.
std::string decoded(const Json& decoder, const std::vector<std::string>& tokens) {
  Json added = Json::array();
  Ids ids;
  for (const auto& token : tokens) {
    const auto id = static_cast<int64_t>(256 + added.size());
    added.push_back({{"id", id}, {"content", token}, {"normalized", false}, {"special", false}});
    ids.push_back(id);
  }
  return from_json({{"decoder", decoder}, {"added_tokens", added}})->decode(ids);
}

}  // namespace

TEST_CASE("normalisers", "[text]") {
  CHECK(normalized({{"type", "NFC"}}, "e\u0301") == "é");
  CHECK(normalized({{"type", "NFD"}}, "é가") == "e\u0301\u1100\u1161");
  CHECK(normalized({{"type", "NFKC"}}, "ﬁ①ｱﾞ") == "fi1ア\u3099");
  CHECK(normalized({{"type", "NFKD"}}, "½") == "1\u20442");
  CHECK(normalized({{"type", "Lowercase"}}, "ÀİΣ") == "ài\u0307σ");
  CHECK(normalized({{"type", "Prepend"}, {"prepend", "_"}}, "a") == "_a");
  CHECK(normalized({{"type", "Prepend"}, {"prepend", "_"}}, "") == "");
  const Json strip = {{"type", "Strip"}, {"strip_left", true}, {"strip_right", false}};
  CHECK(normalized(strip, " \u3000a ") == "a ");
  CHECK(normalized(strip, "  ") == "");
  CHECK(normalized({{"type", "Strip"}, {"strip_left", false}, {"strip_right", true}}, " a\t") ==
        " a");
  const Json text = {{"type", "Replace"}, {"pattern", {{"String", "."}}}, {"content", "!"}};
  CHECK(normalized(text, "a.b") == "a!b");
  const Json regex = {{"type", "Replace"}, {"pattern", {{"Regex", " {2,}"}}}, {"content", " "}};
  CHECK(normalized({{"type", "Sequence"}, {"normalizers", {regex, text}}}, "a   b. c") == "a b! c");
}

TEST_CASE("pre-tokenisers", "[text]") {
  CHECK(cut(split("Removed"), "a-b--c") == "|a|b|c");
  CHECK(cut(split("Isolated"), "a-b--c") == "|a|-|b|-|-|c");
  CHECK(cut(split("MergedWithPrevious"), "a-b--c") == "|a-|b-|-|c");
  CHECK(cut(split("MergedWithNext"), "a-b--c") == "|a|-b|-|-c");
  CHECK(cut(split("Contiguous"), "a-b--c") == "|a|-|b|--|c");
  CHECK(cut(split("Removed", true), "a-b--c") == "|-|-|-");
  CHECK(cut({{"type", "Digits"}, {"individual_digits", true}}, "a12½") == "|a|1|2|½");
  CHECK(cut({{"type", "Digits"}, {"individual_digits", false}}, "a12b") == "|a|12|b");
  CHECK(cut({{"type", "Whitespace"}}, "it's  a_1") == "|it|'|s|a_1");
  CHECK(cut({{"type", "WhitespaceSplit"}}, "it's \u3000b") == "|it's|b");
  CHECK(cut({{"type", "Punctuation"}, {"behavior", "Isolated"}}, "a,$b") == "|a|,|$|b");
}

TEST_CASE("Metaspace prepends where the text starts, or always, or never", "[text]") {
  const auto ids = [](const char* scheme, const std::string& text) {
    const Json spec = {{"type", "Metaspace"}, {"replacement", "_"}, {"prepend_scheme", scheme}};
    const Json added = {{{"id", 256}, {"content", "<x>"}, {"normalized", false}}};
    std::string out;
    for (const auto id :
         from_json({{"pre_tokenizer", spec}, {"added_tokens", added}})->encode(text, false))
      out += id == 256 ? '#' : static_cast<char>(id);
    return out;
  };
  CHECK(ids("always", "a b<x>c") == "_a_b#_c");
  CHECK(ids("first", "a b<x>c") == "_a_b#c");
  CHECK(ids("never", "a b<x>c") == "a_b#c");
  CHECK(ids("first", " a<x>") == "_a#");
  CHECK(ids("first", "<x>a") == "#a");
}

TEST_CASE("decoders", "[text]") {
  const Json fallback = {{"type", "ByteFallback"}};
  CHECK(decoded(fallback, {"a", "b"}) == "ab");
  CHECK(from_json({{"decoder", fallback}})->decode({0xC3, 0xA9, 0x41}) == "éA");
  CHECK(from_json({{"decoder", fallback}})->decode({0xC3, 0x41}) == "\ufffd\ufffd");
  CHECK(decoded(nullptr, {"a", "b"}) == "a b");
  CHECK(decoded({{"type", "Fuse"}}, {"a", "b"}) == "ab");
  const Json strip = {{"type", "Strip"}, {"content", "_"}, {"start", 1}, {"stop", 1}};
  CHECK(decoded(strip, {"__a_", "_b", "_"}) == "_ab");
  const Json meta = {{"type", "Metaspace"}, {"replacement", "▁"}, {"prepend_scheme", "first"}};
  CHECK(decoded(meta, {"▁a", "▁b"}) == "a b");
  const Json replace = {{"type", "Replace"}, {"pattern", {{"String", "▁"}}}, {"content", " "}};
  CHECK(decoded({{"type", "Sequence"}, {"decoders", {replace, {{"type", "Fuse"}}, strip}}},
                {"▁a", "_"}) == " a");
  CHECK(decoded({{"type", "ByteLevel"}}, {"Ġh", "ÃĹ", "日"}) == " h\u00d7日");
}

TEST_CASE("added tokens: the leftmost, then the longest, with the blanks they take", "[text]") {
  const auto ids = [](Json added, const std::string& text) {
    for (size_t i = 0; i < added.size(); ++i) added[i]["id"] = 256 + i;
    std::string out;
    for (const auto id : from_json({{"added_tokens", added}})->encode(text, false))
      out +=
          id >= 256 ? "<" + std::to_string(id - 256) + ">" : std::string(1, static_cast<char>(id));
    return out;
  };
  CHECK(ids({{{"content", "ab"}}, {{"content", "abc"}}, {{"content", "bcd"}}}, "xabcd") == "x<1>d");
  CHECK(ids({{{"content", "T"}, {"lstrip", true}}}, "a  T b") == "a<0> b");
  CHECK(ids({{{"content", "T"}, {"rstrip", true}}}, "a T \n b") == "a <0>b");
  CHECK(ids({{{"content", "T"}, {"single_word", true}}}, "aT T,Tb") == "aT <0>,Tb");
}

TEST_CASE("a part that is not known is an error that names it", "[text]") {
  const auto error = [](const char* key, const Json& spec) {
    return error_of([&] { from_json({{key, spec}}); });
  };
  CHECK(contains(error("normalizer", {{"type", "NFX"}}), "did you mean NFC"));
  CHECK(contains(error("normalizer", {{"type", "BertNormalizr"}}), "BertNormalizer"));
  CHECK(contains(error("pre_tokenizer", {{"type", "UnicodeScripts"}}), "UnicodeScripts"));
  CHECK(contains(error("pre_tokenizer", split("Joined")), "Joined"));
  CHECK(contains(error("decoder", {{"type", "WordPice"}}), "WordPiece"));
  CHECK(contains(error("post_processor", {{"type", "BertProcess"}}), "BertProcessing"));
  CHECK(contains(error("model", {{"type", "WordLevels"}, {"vocab", Json::object()}}), "WordLevel"));
  CHECK(contains(error("normalizer", 3), "lacks \"type\""));
  CHECK(contains(error("normalizer", {{"type", 3}}), "not a text"));
}

TEST_CASE("steps that double a text again and again are refused, whatever their nesting",
          "[text]") {
  const Json twice = {{"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", "aa"}};
  const auto chain = [&](const char* key, size_t count, int depth) {
    Json steps = Json::array();
    for (size_t i = 0; i < count; ++i) steps.push_back(twice);
    for (; depth > 0; --depth) steps = Json::array({{{"type", "Sequence"}, {key, steps}}, twice});
    return Json{{"type", "Sequence"}, {key, steps}};
  };
  CHECK(normalized(chain("normalizers", 3, 0), "ab") == "aaaaaaaab");
  CHECK(normalized(chain("normalizers", 2, 2), "ab") == "aaaaaaaaaaaaaaaab");
  for (const int depth : {0, 5}) {
    const auto said =
        error_of([&] { normalized(chain("normalizers", 48, depth), "aaaaaaaaaaaaaaaaaaaa"); });
    CHECK(contains(said, "its steps do not fit together"));
  }
  const auto decoding =
      from_json({{"decoder", chain("decoders", 48, 0)},
                 {"added_tokens", Json::array({Json{{"id", 256}, {"content", "a"}}})}});
  CHECK(contains(error_of([&] { decoding->decode({256, 256}); }), "do not fit together"));
  const Json byte_level = {{"type", "ByteLevel"}, {"use_regex", false}};
  Json many = Json::array();
  for (int i = 0; i < 48; ++i) many.push_back(byte_level);
  CHECK(contains(error_of([&] {
                   cut({{"type", "Sequence"}, {"pretokenizers", many}}, "a b c d e f");
                 }),
                 "do not fit together"));
  CHECK(contains(error_of([&] {
                   cut({{"type", "Metaspace"}, {"replacement", "  "}}, "a b");
                 }),
                 "not by one character"));
}
