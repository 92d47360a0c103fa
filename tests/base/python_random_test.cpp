#include "base/python_random.h"

#include <numeric>

#include "test.h"

using bench::PythonRandom;
using Ints = std::vector<int64_t>;

TEST_CASE("CPython's generator, bit for bit (evaluation.md 3.1)") {
  PythonRandom zero(0), answer(42), big((uint64_t{1} << 40) + 7);
  for (const uint32_t w : {3626764237u, 1654615998u, 3255389356u, 3823568514u})
    CHECK(zero.getrandbits(32) == w);
  for (const uint32_t w : {2746317213u, 478163327u, 107420369u, 3184935163u})
    CHECK(answer.getrandbits(32) == w);
  for (const uint32_t w : {2635837658u, 3209733218u}) CHECK(big.getrandbits(32) == w);

  PythonRandom ints(0);
  for (const int64_t v : {49, 97, 53, 5, 33, 65, 62, 51}) CHECK(ints.randint(0, 99) == v);
  PythonRandom docs(0);
  for (const int64_t v : {201979, 220500, 21225, 135746}) CHECK(docs.randint(0, 355999) == v);
  PythonRandom floats(42);
  for (const double v : {0.6394267984578837, 0.025010755222666936, 0.27502931836911926})
    CHECK(floats.random() == v);
}

TEST_CASE("sample, choices and shuffle as Lib/random.py") {
  PythonRandom r(1234);
  CHECK(r.sample(100, 5) == Ints{99, 56, 14, 0, 11});
  CHECK(r.sample(100, 5) == Ints{74, 4, 85, 88, 10});
  CHECK(PythonRandom(1234).sample(10, 5) == Ints{7, 1, 0, 9, 4});
  CHECK(PythonRandom(1234).sample(1000, 3) == Ints{989, 796, 451});
  CHECK(PythonRandom(0).choices(10, 5) == Ints{8, 7, 4, 2, 5});
  CHECK(PythonRandom(1).choices(10, 5) == Ints{1, 8, 7, 2, 4});
  Ints items(10);
  std::iota(items.begin(), items.end(), 0);
  PythonRandom(42).shuffle(items);
  CHECK(items == Ints{7, 3, 2, 8, 5, 6, 9, 4, 0, 1});
}
