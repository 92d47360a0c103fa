#include "data/overlap.h"

#include <cmath>

#include "test.h"

using namespace bench::text;

namespace {

/// "w0 w1 ... "
std::string numbered(int from, int to) {
  std::string text;
  for (int i = from; i < to; ++i) text += "w" + std::to_string(i) + " ";
  return text;
}

}  // namespace

TEST_CASE("word n-grams: counted by hand", "[text]") {
  const WordGrams a({numbered(0, 20)}), b({numbered(10, 40)});
  CHECK(a.size() == 8);       // 20 - 13 + 1
  CHECK(b.size() == 18);      // 30 - 13 + 1
  CHECK(a.share_in(b) == 0);  // they share 10 words in a row, fewer than 13
  const WordGrams c({numbered(5, 40)});
  CHECK(c.size() == 23);
  CHECK(a.share_in(c) == 3.0 / 8);   // w5..w17, w6..w18, w7..w19
  CHECK(c.share_in(a) == 3.0 / 23);  // the same three
  CHECK(a.share_in(a) == 1);
}

TEST_CASE("word n-grams: case, punctuation and blanks do not count, texts are apart", "[text]") {
  const WordGrams plain({"The cat sat on the mat today"}, 3);
  const WordGrams marked({"  the CAT , sat ( on ) the -- mat\n today . "}, 3);
  CHECK(plain.share_in(marked) == 1);
  CHECK(marked.share_in(plain) == 1);
  const WordGrams parts({"the cat", "sat on"}, 3);  // no n-gram crosses from a text to the next
  CHECK(parts.size() == 0);
  CHECK(parts.share_in(plain) == 0);
  CHECK(WordGrams({"a b c a b c"}, 3).size() == 4);  // repeated ones count each time
  CHECK(WordGrams({"é à ü"}, 3).share_in(WordGrams({"é à ü"}, 3)) == 1);
  CHECK(WordGrams({"é à ü"}, 3).share_in(WordGrams({"é ü à"}, 3)) == 0);
}

TEST_CASE("word n-grams: independent texts do not overlap by chance", "[text]") {
  // 200,000 different n-grams of numbers that meet nowhere: a weak hash would make them.
  const WordGrams a({numbered(0, 200000)}), b({numbered(200000, 400000)});
  CHECK(a.share_in(b) == 0);
}
