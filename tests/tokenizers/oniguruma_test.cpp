#include "tokenizers/regex/oniguruma.h"

#include "test.h"
#include "tokenizers/regex/regex.h"

using namespace bench;
using text::Pattern;

namespace {

/// The matches of a pattern, with a bar behind each.
std::string found(const std::string& pattern, const std::string& in) {
  std::string out;
  for (const auto& span : Pattern::regex(pattern).matches(in))
    out += in.substr(span.begin, span.end - span.begin) + "|";
  return out;
}

std::string error(const std::string& pattern) {
  return test::error_of([&] { Pattern::regex(pattern); });
}

}  // namespace

TEST_CASE("a class within a class is a union", "[text]") {
  CHECK(found("[a[bc]]+", "abcda") == "abc|a|");
  CHECK(found("[^a[bc]]+", "abcda[]") == "d|[]|");
  CHECK(found("[a[^b]]+", "abca") == "a|ca|");
  CHECK(found("[^a[^b]]+", "abbca") == "bb|");
  CHECK(found("[[a][b[c]]]", "abcd") == "a|b|c|");
}

TEST_CASE("BLOOM's pattern leaves out brackets and takes the rest apart", "[text]") {
  const std::string bloom = " ?[^(\\s|[.,!?…。，、।۔،])]+";
  CHECK(found(bloom, "a(b)c") == "a|b|c|");
  CHECK(found(bloom, "a|b") == "a|b|");
  CHECK(found(bloom, "a[b]c") == "a[b]c|");
  CHECK(found(bloom, "a  b") == "a| b|");
  CHECK(found(bloom, "don't stop…") == "don't| stop|");
  CHECK(text::pcre2_from_oniguruma(bloom).find("(?:") == std::string::npos);  // one flat class
}

TEST_CASE("classes intersect", "[text]") {
  CHECK(found("[a-z&&[^aeiou]]+", "hello") == "h|ll|");
  CHECK(found("[^a-z&&[^aeiou]]+", "hello1") == "e|o1|");
  CHECK(found("[\\S&&[^a]]+", "ab c") == "b|c|");
}

TEST_CASE("sets are Oniguruma's, not PCRE2's", "[text]") {
  CHECK(found("\\s", "\u180e \u3000\u0085") == " |\u3000|\u0085|");
  CHECK(found("\\w+", "naïve_1 a\u0301b") == "naïve_1|a\u0301b|");
  CHECK(found("\\w", "½") == "½|");  // from the table of Latin-1
  CHECK(found("[\\w]", "½") == "");  // but not in a class
  CHECK(found("\\h+", "xyzBEEF") == "BEEF|");
  CHECK(found("\\v", "\x0b\n") == "\x0b|");
  CHECK(found("\\bthe\\b", "the other the") == "the|the|");
  CHECK(found("\\u0041\\x42\\x{43}", "ABC") == "ABC|");
}

TEST_CASE("lines, dots and intervals as in Ruby", "[text]") {
  CHECK(found("^a", "a\na") == "a|a|");
  CHECK(found("a$", "a\nb a") == "a|a|");
  CHECK(found("a.b", "a\nb") == "");
  CHECK(found("(?m:a.b)", "a\nb") == "a\nb|");
  CHECK(found("a{,2}b", "aaab") == "aab|");
  CHECK(found("a{b", "a{b") == "a{b|");
  CHECK(found("a(?#note)b", "ab") == "ab|");
  CHECK(found("\\p{^L}", "a1") == "1|");
}

TEST_CASE("empty matches do not repeat behind another match", "[text]") {
  CHECK(found("x*", "axb") == "|x||");
  CHECK(found("(?=b)", "abab") == "||");
}

TEST_CASE("what has no equivalent is named", "[text]") {
  CHECK(test::contains(error("[[:alpha:]]"), "a POSIX class"));
  CHECK(test::contains(error("a\\Kb"), "\\K"));
  CHECK(test::contains(error("\\X"), "\\X"));
  CHECK(test::contains(error("a{2}+"), "possessive interval"));
  CHECK(test::contains(error("[ab"), "class without an end"));
  CHECK(test::contains(error("[b-a]"), "range that ends before it starts"));
  CHECK(test::contains(error("a\\"), "backslash at its end"));
  CHECK(test::contains(error("(?~a)"), "(?~"));
  CHECK(test::contains(error("(a"), "cannot be compiled"));
  CHECK(test::contains(error("\\p{Nonsense}"), "cannot be compiled"));
  CHECK(test::contains(error("\xff"), "not valid UTF-8"));
  CHECK(test::contains(error(std::string(500, '[')), "nested"));
}

TEST_CASE("a search that explodes gives up with an error", "[text]") {
  const auto pattern = Pattern::regex("(?:a+)+[bc]");
  const std::string text(200, 'a');
  CHECK(test::contains(test::error_of([&] { pattern.matches(text); }), "gave up"));
}

TEST_CASE("literals are found as they stand", "[text]") {
  CHECK(Pattern::literal("a.").replace("a.ba", "x") == "xba");
  CHECK(test::contains(test::error_of([] { Pattern::literal(""); }), "empty text"));
}
