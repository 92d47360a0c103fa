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
