#include "base/digest.h"
#include "fixture.h"
#include "formats/gguf.h"
#include "formats/mapped_file.h"
#include "formats/safetensors_file.h"

using namespace bench;
using namespace bench::test;

namespace {

void write(const std::filesystem::path& file, const std::string& bytes) {
  std::ofstream(file, std::ios::binary) << bytes;
}

std::string safetensors_bytes(const std::string& header, size_t data) {
  std::string bytes(8, '\0');
  const uint64_t n = header.size();
  std::memcpy(bytes.data(), &n, 8);
  return bytes + header + std::string(data, '\1');
}

}  // namespace

TEST_CASE("safetensors: what is written is read back; every malformed file is a sentence", "[io]") {
  TempDir dir;
  const auto file = (dir.path / "x.safetensors").string();
  const TensorMap all{{"a", at::arange(6).to(at::kFloat).reshape({2, 3})},
                      {"b", at::tensor({1, 2, 3})}};
  write_safetensors(file, all, {{"who", "test"}});
  const auto back = read_safetensors(file);
  CHECK(back.at("a").equal(all.at("a")));
  CHECK(back.at("b").equal(all.at("b")));
  CHECK(read_safetensors_metadata(file).at("who") == "test");

  const auto good = slurp(file);
  for (const size_t cut : {size_t{0}, size_t{7}, size_t{40}, good.size() - 1}) {
    write(file, good.substr(0, cut));
    CHECK(contains(error_of([&] { read_safetensors(file); }), "x.safetensors"));
  }
  for (const std::string header :
       {"[]", "{\"a\":1}", R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0,8]}})",
        R"({"a":{"dtype":"F99","shape":[1],"data_offsets":[0,4]}})",
        R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})",
        R"({"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,4]}})",
        R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
        R"("b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})"}) {
    write(file, safetensors_bytes(header, 16));
    INFO(header);
    CHECK(contains(error_of([&] { read_safetensors(file); }), "x.safetensors"));
  }
}

TEST_CASE("safetensors written piece by piece are whole or not there", "[io]") {
  TempDir dir;
  const auto file = (dir.path / "x.safetensors").string();
  const auto rows = at::arange(12).to(at::kFloat).reshape({4, 3});
  const std::vector<SafetensorsFile::Entry> entries{{"z", at::kLong, {2}},
                                                    {"a", at::kFloat, {4, 3}}};
  {
    SafetensorsFile out(file, entries);
    out.append(at::tensor({7, 8}, at::kLong));
    out.append(rows.slice(0, 0, 1));
    CHECK(contains(error_of([&] { out.finish(); }), "all values"));
  }
  CHECK(std::filesystem::is_empty(dir.path));
  SafetensorsFile out(file, entries, {{"who", "test"}});
  out.append(at::tensor({7, 8}, at::kLong));
  for (int64_t r = 0; r < 4; ++r) out.append(rows[r]);
  CHECK(contains(error_of([&] { out.append(rows); }), "no more values"));
  CHECK(!std::filesystem::exists(file));
  out.finish();
  const auto back = read_safetensors(file);
  CHECK(back.at("a").equal(rows));
  CHECK(back.at("z").equal(at::tensor({7, 8}, at::kLong)));
  CHECK(contains(error_of([&] { SafetensorsFile("/no/such/x", entries); }), "/no/such/x"));
  CHECK(contains(error_of([&] {
                   SafetensorsFile(file, {{"a", at::kLong, {1}}, {"a", at::kLong, {1}}});
                 }),
                 "written twice"));
}

TEST_CASE("a changed byte of a shipped file is an error that names it", "[io]") {
  CHECK(error_of([] { data_file("tasks/piqa_valid.jsonl"); }).empty());
  CHECK(contains(error_of([] { data_file("tasks/piqa_valid.json"); }), "piqa_valid.jsonl"));
}

TEST_CASE("GGUF: bad files are sentences", "[io]") {
  TempDir dir;
  const auto file = (dir.path / "x.gguf").string();
  for (const std::string bytes :
       {std::string("GGUF"), std::string("GGUX\3\0\0\0", 8),
        std::string("GGUF\3\0\0\0\377\377\377\377\377\377\377\377\0\0\0\0\0\0\0\0", 24)}) {
    write(file, bytes);
    CHECK(contains(error_of([&] { read_gguf(file); }), "x.gguf"));
  }
}

TEST_CASE("models resolve by name, folder and near names", "[io]") {
  CHECK(contains(error_of([] { resolve_model("stories26k", {root() / "data/models"}); }),
                 "stories260k"));
  CHECK(contains(error_of([] { resolve_model("hf:no/such", {}); }), "Hugging Face cache"));
  CHECK(model_type_of(root() / "data/models/resnet20") == "resnet_cifar");
}
