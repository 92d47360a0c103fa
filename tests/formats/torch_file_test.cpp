// Files of torch.save, made by hand: what is read, and what is refused.
#include "formats/torch_file.h"

#include "corpus.h"
#include "fixture.h"
#include "fuzz/reader_targets.h"
#include "formats/pickle.h"

using namespace bench;
using namespace bench::test;

namespace {

std::string number(uint64_t v, int bytes) {
  std::string s;
  for (int i = 0; i < bytes; ++i) s += static_cast<char>(v >> (8 * i));
  return s;
}
std::string text(const std::string& s) {
  return "X" + number(s.size(), 4) + s;
}
std::string small(int v) {
  return std::string("K") + static_cast<char>(v);
}
/// _rebuild_tensor_v2(storage "0" of six floats, offset, (2, 2), strides, False, OrderedDict())
std::string tensor(int offset, int first_stride) {
  return "ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") + "ctorch\nFloatStorage\n" +
         text("0") + text("cpu") + small(6) + "tQ" + small(offset) + small(2) + small(2) + "\x86" +
         small(first_stride) + small(1) + "\x86\x89" + "ccollections\nOrderedDict\n)RtR";
}
std::string state_dict(const std::string& tensor_code) {
  return "\x80\x02}(" + text("state_dict") + "ccollections\nOrderedDict\n)R(" +
         text("module.a.weight") + tensor_code + text("step") + "M\x10\x27" + "uu.";
}
std::string floats() {
  std::string s;
  for (int i = 0; i < 6; ++i) {
    const float f = static_cast<float>(i);
    s.append(reinterpret_cast<const char*>(&f), 4);
  }
  return s;
}
/// The legacy row: magic number, protocol 1001, system, object, keys, then storages.
std::string legacy(const std::string& pickle) {
  return std::string("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15) +
         "\x80\x02M\xe9\x03." + std::string("\x80\x02}.", 4) + pickle + "\x80\x02](" + text("0") +
         "e." + number(6, 8) + floats();
}
std::string entry(const std::string& name, const std::string& data, std::string& directory,
                  uint64_t at) {
  const auto sizes = number(data.size(), 4) + number(data.size(), 4);
  directory += std::string("PK\x01\x02", 4) + std::string(6, '\0') + number(0, 2) +
               std::string(8, '\0') + sizes + number(name.size(), 2) + std::string(12, '\0') +
               number(at, 4) + name;
  return std::string("PK\x03\x04", 4) + std::string(14, '\0') + sizes + number(name.size(), 2) +
         std::string(2, '\0') + name + data;
}
std::string zip(const std::string& pickle) {
  std::string directory, all;
  all += entry("archive/data.pkl", pickle, directory, all.size());
  all += entry("archive/data/0", floats(), directory, all.size());
  const auto at = all.size();
  return all + directory + std::string("PK\x05\x06", 4) + std::string(4, '\0') + number(2, 2) +
         number(2, 2) + number(directory.size(), 4) + number(at, 4) + std::string(2, '\0');
}

std::string said_of(const std::string& bytes) {
  const TempDir dir;
  const auto file = dir.path / "x.pth";
  std::ofstream(file, std::ios::binary) << bytes;
  return error_of([&] { read_torch_file(file.string()); });
}

}  // namespace

TEST_CASE("torch files: legacy and zip, views by offset and stride", "[torch_file]") {
  const TempDir dir;
  for (const bool zipped : {false, true}) {
    const auto file = dir.path / "x.pth";
    const auto code = state_dict(tensor(1, 3));
    std::ofstream(file, std::ios::binary) << (zipped ? zip(code) : legacy(code));
    const auto all = read_torch_file(file.string());
    REQUIRE(all.size() == 1);  // numbers beside tensors are left out
    CHECK(all.at("a.weight").equal(at::tensor({1.f, 2.f, 4.f, 5.f}).reshape({2, 2})));
  }
}

TEST_CASE("torch files: what would run code, or leaves the file, is a sentence", "[torch_file]") {
  const std::string attack =
      "\x80\x02"
      "cos\nsystem\n" +
      text("echo gone") + "\x85R.";
  CHECK(contains(said_of(legacy(attack)), "the name 'os system'"));
  CHECK(contains(said_of(zip(attack)), "no code of a file is ever run"));
  CHECK(contains(said_of(zip("\x80\x02}}\x81.")), "opcode 0x81"));
  CHECK(contains(said_of(zip(state_dict(tensor(1, 4)))), "leaves its storage"));
  CHECK(contains(said_of(zip(state_dict(tensor(200, 3)))), "outside its storage"));
  CHECK(contains(said_of(zip("\x80\x02}.")), "holds no state dict"));
  CHECK(contains(said_of(zip("\x80\x02(.")), "a value is missing"));
  const auto whole = zip(state_dict(tensor(0, 3)));
  for (size_t n = 0; n < whole.size(); n += 7) CHECK(!said_of(whole.substr(0, n)).empty());
  const auto row = legacy(state_dict(tensor(0, 3)));
  for (size_t n = 0; n < row.size(); n += 7) CHECK(!said_of(row.substr(0, n)).empty());
}

TEST_CASE("torch files: the corpus of the fuzzer", "[torch_file]") {
  CHECK(replay("torch_file", fuzz::torch_file_bytes) >= 8);
}

TEST_CASE("torch files: the released pickles say what their conversions say",
          "[torch_file][shared]") {
  if (shared().empty()) {
    WARN("no shared folder: the released checkpoints are not tried");
    return;
  }
  int files = 0;
  for (const char* folder : {"cifar10_resnet", "ifso_resnet32"})
    for (const auto& f : std::filesystem::directory_iterator(shared() / "data/vision" / folder)) {
      auto twin = f.path();
      if (twin.extension() == ".safetensors") continue;
      auto stem = twin.stem().string();
      if (twin.extension() == ".th") stem = stem.substr(0, stem.find('-'));
      twin = twin.parent_path() / (stem + ".safetensors");
      CAPTURE(f.path().string());
      const auto ours = read_torch_file(f.path().string());
      const auto theirs = read_safetensors(twin.string());
      for (const auto& [name, value] : theirs) {
        CAPTURE(name);
        const auto it = ours.find(name);
        REQUIRE(it != ours.end());
        CHECK(it->second.equal(value));
      }
      ++files;
    }
  CHECK(files == 7);
}
