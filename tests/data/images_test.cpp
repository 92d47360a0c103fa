// Readers of images: IDX, JPEG folders and tars, sizes as torchvision's evaluation has them.
#include "fixture.h"
#include "formats/jpeg.h"
#include "formats/tar.h"
#include "picture_files.h"

using namespace bench;
using namespace bench::test;

namespace {

ImageSource source(const std::filesystem::path& file, int64_t resize = 0, int64_t crop = 0) {
  return {file.string(), resize, crop};
}

std::vector<int64_t> values(const Tensor& t) {
  std::vector<int64_t> all;
  for (int64_t i = 0; i < t.numel(); ++i) all.push_back(t.flatten()[i].item<int64_t>());
  return all;
}
using Ints = std::vector<int64_t>;

}  // namespace

TEST_CASE("IDX: plain and gzipped, any part, labels beside it", "[io]") {
  const TempDir dir;
  for (const bool packed : {false, true}) {
    const auto end = packed ? ".gz" : "";
    const auto images = (dir.path / (std::string("t-images-idx3-ubyte") + end)).string();
    write_bytes(images, make_idx({5, 2, 3}, 30), packed);
    write_bytes((dir.path / (std::string("t-labels-idx1-ubyte") + end)).string(), make_idx({5}, 5),
                packed);
    const auto all = read_images(source(images), 0, 0), part = read_images(source(images), 3, 2);
    CHECK(all.images.sizes() == at::IntArrayRef({5, 1, 2, 3}));
    CHECK(values(all.images[1]) == Ints{6, 7, 8, 9, 0, 1});
    CHECK(values(all.labels) == Ints{0, 1, 2, 3, 4});
    CHECK(part.images.equal(all.images.narrow(0, 3, 2)));
    CHECK(values(part.labels) == Ints{3, 4});
    CHECK(data_digest(images) != data_digest((dir.path / "t-labels-idx1-ubyte").string()));
  }
}

TEST_CASE("IDX: what is wrong is a sentence that names the file", "[io]") {
  const TempDir dir;
  const auto images = (dir.path / "a-images-idx3").string();
  const auto labels = (dir.path / "a-labels-idx1").string();
  const auto said = [&](const std::string& i, const std::string& l, int64_t first = 0,
                        int64_t count = 0) {
    write_bytes(images, i);
    write_bytes(labels, l);
    return error_of([&] { read_images(source(images), first, count); });
  };
  const auto good = make_idx({5, 2, 3}, 30), five = make_idx({5}, 5);
  CHECK(said(good, five).empty());
  CHECK(contains(said("hello, world", five), images + ": is no IDX file"));
  CHECK(contains(said(good, make_idx({4}, 4)), "has 5 images, but " + labels + " has 4"));
  CHECK(contains(said(make_idx({5, 2, 3}, 29), five), "ends 1 bytes too early"));
  CHECK(contains(said(make_idx({5, 0, 3}, 30), five), "images of 0 x 3"));
  CHECK(contains(said(good, five, 4, 2), "has 5 images; 4 to 6"));
  // A header that promises 3 TB is believed as far as bytes are there.
  CHECK(contains(said(make_idx({4000000000u, 28, 28}, 9), make_idx({4000000000u}, 9)),
                 "ask for fewer"));
  std::filesystem::remove(labels);
  CHECK(contains(error_of([&] { source(images).check(); }), "a-labels-idx1"));
}

TEST_CASE("JPEG: decoded; damage, four channels and huge pictures are refused", "[io]") {
  const auto p = decode_jpeg(make_jpeg(20, 12), "x.jpg");
  CHECK(p.height == 12);
  CHECK(p.width == 20);
  REQUIRE(p.rgb.size() == 720);
  double off = 0;
  for (size_t y = 0; y < 12; ++y)
    for (size_t i = 0; i < 60; ++i)
      off += std::abs(double(p.rgb[y * 60 + i]) - double((i * 3 + y * 5) % 200 / 2 + 60));
  CHECK(off / 720 < 4);
  const auto grey = decode_jpeg(make_jpeg(8, 8, 1), "x.jpg");
  CHECK(grey.rgb.size() == 192);
  CHECK(grey.rgb[0] == grey.rgb[2]);
  CHECK(decode_jpeg(make_jpeg(40, 40, 3, 90, true), "x.jpg").rgb.size() == 4800);
  auto bytes = make_jpeg(40, 40);
  CHECK(contains(error_of([&] { decode_jpeg(bytes.substr(0, bytes.size() / 2), "x.jpg"); }),
                 "x.jpg: cannot be read as JPEG"));
  CHECK(contains(error_of([&] { decode_jpeg("", "x.jpg"); }), "x.jpg: cannot be read"));
  CHECK(contains(error_of([&] { decode_jpeg(make_jpeg(8, 8, 4), "x.jpg"); }), "four colour"));
  const auto frame = bytes.find("\xff\xc0");  // length, precision, then height and width
  REQUIRE(frame != std::string::npos);
  bytes[frame + 5] = bytes[frame + 7] = '\x7f';
  CHECK(contains(error_of([&] { decode_jpeg(bytes, "x.jpg"); }), "more than 2^24 pixels"));
}

TEST_CASE("tar: names of any length, gzipped or not; broken ones are a sentence", "[io]") {
  const TempDir dir;
  const auto file = (dir.path / "a.tar").string();
  const std::string longer(150, 'n');
  const auto all = tar_entry("a/1.jpg", "one") + tar_entry("././@LongLink", longer + '\0', 'L') +
                   tar_entry("short", "two") + tar_entry("a/", "", '5') +
                   tar_entry("PaxHeader", "19 path=pax/name.x\n", 'x') + tar_entry("q", "three") +
                   tar_end();
  for (const bool packed : {false, true}) {
    write_bytes(file, all, packed);
    std::vector<std::string> names, contents;
    walk_tar(file, [&](const std::string& name, uint64_t size, const auto& content) {
      names.push_back(name);
      if (name != "a/1.jpg") contents.push_back(content());
      CHECK(size >= 3);
    });
    CHECK(names == std::vector<std::string>{"a/1.jpg", longer, "pax/name.x"});
    CHECK(contents == std::vector<std::string>{"two", "three"});
  }
  const auto said = [&](const std::string& bytes) {
    write_bytes(file, bytes);
    return error_of([&] { walk_tar(file, [](const auto&, uint64_t, const auto& c) { c(); }); });
  };
  auto broken = all;
  broken[0] = 'b';
  CHECK(contains(said(broken), file + ": is no whole tar archive"));
  CHECK(contains(said(all.substr(0, 512)), "ends 3 bytes too early"));
  CHECK(contains(said(std::string(512, 'x')), "is no whole tar archive"));
}

TEST_CASE("pictures: classes by name, in turn, from a folder and from a tar alike", "[io]") {
  const TempDir dir;
  std::string archive;
  const std::vector<std::pair<std::string, unsigned>> files{
      {"dog/a.jpg", 8}, {"dog/b.JPEG", 16}, {"cat/z.jpg", 24}, {"cat/readme.txt", 8}};
  for (const auto& [name, size] : files) {
    const auto at = dir.path / "set" / name;
    std::filesystem::create_directories(at.parent_path());
    const auto bytes = make_jpeg(size, size);
    write_bytes(at.string(), bytes);
    archive += tar_entry("set/" + name, bytes);
  }
  write_bytes((dir.path / "set.tar.gz").string(), archive + tar_end(), true);
  const auto folder = read_images(source(dir.path / "set", 8, 8), 0, 0);
  CHECK(values(folder.labels) == Ints{0, 1, 1});  // cat/z, dog/a, dog/b
  const auto tar = read_images(source(dir.path / "set.tar.gz", 8, 8), 0, 0);
  CHECK(tar.images.equal(folder.images));
  CHECK(tar.labels.equal(folder.labels));
  CHECK(read_images(source(dir.path / "set", 8, 8), 1, 2)
            .images.equal(folder.images.narrow(0, 1, 2)));
  const auto same = read_images(source(dir.path / "set"), 1, 1);  // as it is
  CHECK(same.images.equal(folder.images.narrow(0, 1, 1)));
  CHECK(contains(error_of([&] { read_images(source(dir.path / "set"), 0, 0); }),
                 "set resize and center_crop"));
  CHECK(contains(error_of([&] { read_images(source(dir.path / "set", 8), 2, 2); }),
                 "has 3 pictures"));
  CHECK(contains(error_of([&] { read_images(source(dir.path / "set", 8, 16), 0, 1); }),
                 "a larger resize may help"));
  std::filesystem::create_directories(dir.path / "none");
  CHECK(contains(error_of([&] { read_images(source(dir.path / "none"), 0, 0); }), "holds no .jpg"));
  const auto before = data_digest((dir.path / "set").string());
  write_bytes((dir.path / "set/dog/a.jpg").string(), make_jpeg(9, 9));
  CHECK(data_digest((dir.path / "set").string()) != before);
}

TEST_CASE("evaluation size: antialiased weights and Python's rounding by hand", "[io]") {
  // Half the size: each result weighs four pixels at distances 0.5 and 1.5 by 0.75 and 0.25; at
  // the edge three: (0 * 0.75 + 10 * 0.75 + 20 * 0.25) / 1.75 = 7.14.
  const auto ramp = at::tensor({0.0, 10.0, 20.0, 30.0}).to(at::kFloat).expand({1, 1, 4, 4});
  const auto half = evaluation_size(ramp.contiguous(), {"", 2, 0});
  CHECK(values(half) == Ints{7, 23, 7, 23});
  const auto wide = at::zeros({1, 3, 30, 45});
  CHECK(evaluation_size(wide, {"", 20, 0}).sizes() == at::IntArrayRef({1, 3, 20, 30}));
  CHECK(evaluation_size(wide, {"", 31, 30}).sizes() == at::IntArrayRef({1, 3, 30, 30}));
  const auto line = at::arange(7, at::kFloat).expand({1, 1, 7, 7}).contiguous();
  CHECK(evaluation_size(line, {"", 0, 2})[0][0][0][0].item<double>() == 2);  // 2.5 to even
  CHECK(evaluation_size(line.narrow(3, 0, 5).narrow(2, 0, 5), {"", 0, 2})[0][0][0][0]
            .item<double>() == 2);  // 1.5 to even
}

TEST_CASE("readers on whole data sets", "[io][shared]") {
  if (shared().empty()) {
    WARN("no shared folder: MNIST and the JPEG copy of CIFAR-10 are not tried");
    return;
  }
  const auto vision = shared() / "data/vision";
  const auto digits = read_images(source(vision / "mnist/t10k-images-idx3-ubyte.gz"), 0, 0);
  CHECK(digits.images.sizes() == at::IntArrayRef({10000, 1, 28, 28}));
  CHECK(values(digits.labels.narrow(0, 0, 5)) == Ints{7, 2, 1, 0, 4});
  const auto jpeg = read_images(source(vision / "cifar10/jpeg_test.tar.gz"), 0, 400);
  at::NoGradGuard no_grad;
  const auto hits = (shipped("resnet20").model->forward(jpeg).argmax(1) == jpeg.labels);
  const double share = hits.to(at::kDouble).mean().item<double>();
  CHECK(share > 0.75);  // 81.0 % of all 10,000; without losses 91.6 %
  CHECK(share < 0.88);
}
