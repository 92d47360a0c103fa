#include "formats/gzip.h"

#include <zlib.h>

#include "test.h"

using namespace bench;
using namespace bench::test;

TEST_CASE("gzip: whole, truncated, too large", "[io]") {
  TempDir dir;
  const auto file = (dir.path / "a.gz").string();
  const std::string text(100000, 'x');
  auto* out = gzopen(file.c_str(), "wb");
  gzwrite(out, text.data(), static_cast<unsigned>(text.size()));
  gzclose(out);
  CHECK(read_gzip(file) == text);
  CHECK(contains(error_of([&] { read_gzip(file, 1000); }), "more than 1000 bytes"));
  auto bytes = slurp(file);
  bytes.resize(bytes.size() - 12);
  std::ofstream(file, std::ios::binary) << bytes;
  CHECK(!error_of([&] { read_gzip(file); }).empty());
  CHECK(contains(error_of([&] { read_gzip(dir.path / "none.gz"); }), "cannot be opened"));
}
