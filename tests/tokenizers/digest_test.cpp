#include "base/digest.h"

#include <fstream>

#include "test.h"

using namespace bench;

TEST_CASE("SHA-256 of the FIPS 180-4 examples", "[text][digest]") {
  CHECK(sha256_hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("SHA-256 does not depend on how the bytes are cut", "[text][digest]") {
  Sha256 digest;
  digest.update("a");
  digest.update("");
  digest.update("bc");
  CHECK(digest.hex() == sha256_hex("abc"));
}

TEST_CASE("SHA-256 of a file larger than one piece, and of a missing one", "[text][digest]") {
  test::TempDir folder;
  const std::string bytes((1 << 20) + 7, 'x');
  const auto file = (folder.path / "data.bin").string();
  std::ofstream(file, std::ios::binary) << bytes;
  CHECK(sha256_file(file) == sha256_hex(bytes));
  const auto missing = (folder.path / "missing.bin").string();
  CHECK(test::contains(test::error_of([&] { sha256_file(missing); }), "missing.bin"));
}

TEST_CASE("a list of ids as JSON text", "[text][digest]") {
  CHECK(json_array_text({}) == "[]");
  CHECK(json_array_text({1, 2, 3}) == "[1, 2, 3]");
}

TEST_CASE("XXH64 of its published examples, and of every kind of tail", "[text][digest]") {
  const auto hash = [](const std::string& text) { return quick_hash(text.data(), text.size()); };
  CHECK(hash("") == "ef46db3751d8e999");
  CHECK(hash("a") == "d24ec4f1a98c6e5b");
  CHECK(hash("abc") == "44bc2cf5ad770999");
  CHECK(hash("Nobody inspects the spammish repetition") == "fbcea83c8a378bf1");
  std::string bytes;
  for (int i = 0; i < 77; ++i) bytes += static_cast<char>(i);
  CHECK(hash(bytes) == "93f85c1b6280ead3");
  CHECK(hash(bytes.substr(0, 64)) == "f7c67301db6713f0");
}
