// Model files as people bring them: read, or refused by a sentence that names what was not.
#include <nlohmann/json.hpp>

#include "base/unicode.h"
#include "base/utf8.h"
#include "formats/gguf_blocks.h"
#include "inputs/program.h"
#include "models/checkpoint.h"

using namespace bench;
using namespace bench::test;

namespace {

std::string shared_case(const std::string& name) {
  return (shared() / "cases" / name).string();
}

/// The first values of the last row of logits.
std::vector<float> last_row(const std::string& model, const std::vector<int64_t>& ids) {
  at::NoGradGuard no_grad;
  const auto m = build_model(read_checkpoint(model));
  const auto logits = m->forward(text_batch({ids}));
  const auto row = logits[logits.size(0) - 1].contiguous();
  return {row.const_data_ptr<float>(), row.const_data_ptr<float>() + 4};
}

void check_row(const std::vector<float>& row, const std::vector<double>& expected) {
  for (size_t i = 0; i < expected.size(); ++i) CHECK(std::abs(row[i] - expected[i]) < 2e-4);
}

const std::vector<int64_t> kShort{1, 5, 9, 33, 77, 101, 250, 7, 8, 12, 200, 3};
const std::vector<int64_t> kLong{2, 50, 99, 333, 777, 1011, 250, 7, 8, 12, 2000, 3};

}  // namespace

TEST_CASE("inputs: every block type of GGUF as the gguf package dequantises it", "[inputs]") {
  // gguf 0.17 (MIT), quants.dequantize, of blocks of random bytes.
  std::ifstream in(root() / "tests/golden/gguf_blocks.jsonl");
  int types = 0;
  for (std::string line; std::getline(in, line); ++types) {
    const auto record = nlohmann::json::parse(line);
    INFO(record.at("name").get<std::string>());
    TempDir dir;
    const auto path = (dir.path / "block").string();
    const auto hex = record.at("bytes").get<std::string>();
    std::ofstream file(path, std::ios::binary);
    for (size_t i = 0; i < hex.size(); i += 2)
      file << static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    file.close();
    const auto expected = record.at("values").get<std::vector<float>>();
    const auto t = dequantise(*MappedFile::open(path), "t", record.at("type").get<uint32_t>(),
                              {static_cast<int64_t>(expected.size())}, 0);
    const auto* p = t.const_data_ptr<float>();
    float off = 0;
    for (size_t i = 0; i < expected.size(); ++i) off = std::max(off, std::abs(p[i] - expected[i]));
    CHECK(off < 1e-5f);
  }
  CHECK(types == 10);
}

TEST_CASE("inputs: GGUF as it is on the hub", "[inputs][shared]") {
  SKIP_WITHOUT_SHARED();
  check_row(last_row(shared_case("gguf_key_length/m.gguf"), kLong), {0.51593, 0.92707, 1.05438});
  check_row(last_row(shared_case("gguf_rope_freqs/m.gguf"), kLong), {0.45006, -2.25323, -0.51063});
  for (const char* name : {"spm.gguf", "q5_0.gguf"}) {
    const auto c = read_checkpoint(shared_case("gguf_rope_freqs/" + std::string(name)));
    CHECK(build_model(c)->block_count() > 0);
    const auto t = c.tokenizer();
    CHECK(t->decode(t->encode("Once upon a time", false)) == "Once upon a time");
  }
}

TEST_CASE("inputs: folders of older checkpoints", "[inputs][shared]") {
  SKIP_WITHOUT_SHARED();
  for (const char* name : {"one", "sharded"})
    check_row(last_row(shared_case("pytorch_model_bin/" + std::string(name)), kShort),
              {0.94022, 0.64054, -0.72389, 0.00822});
}

TEST_CASE("inputs: state dicts as people wrap them", "[inputs][shared]") {
  SKIP_WITHOUT_SHARED();
  const auto cnn = [](const std::string& path) {
    TempDir dir;
    const auto db = (dir.path / "x.db").string();
    const auto ran =
        run("run " + shared_case("cnn.yaml") + " --config-dir " + (root() / "configs").string() +
            " --no-report launcher.workers=1 --db " + db + " model.name=x +model.path=" + path);
    if (ran.code != 0) return std::pair(ran.output, kNone);
    const Store store(db, Store::Mode::ReadOnly);
    return std::pair(ran.output, store.metrics().front().metric.value);
  };
  TempDir renamed;
  for (const char* name : {"net", "lightning", "module_orig"}) {
    const auto file = shared_case("torch_checkpoint_wrappers/" + std::string(name) + ".pth");
    const auto [said, acc] = cnn(file);
    INFO(said);
    CHECK(std::abs(acc - 0.9163) < 1e-4);
  }
  for (const char* ending : {".pth.tar", ".ckpt", ".bin"}) {
    const auto to = renamed.path / ("x" + std::string(ending));
    std::filesystem::copy(shared_case("torch_checkpoint_wrappers/net.pth"), to);
    CHECK(std::abs(cnn(to.string()).second - 0.9163) < 1e-4);
  }
  const auto refused = cnn(shared_case("peer_vision_unread_tensors/senet_cifar.pth"));
  CHECK(contains(refused.first, "the tensor "));
  CHECK(contains(refused.first, "is none of a resnet_cifar"));
}

TEST_CASE("inputs: added tokens over vocabularies with gaps", "[inputs][shared]") {
  SKIP_WITHOUT_SHARED();
  const std::vector<std::pair<std::string, std::string>> cases{{"h_drop_add_count", "2045"},
                                                               {"h_drop_add_end", "2045"},
                                                               {"h_hole_add_count", "2048"},
                                                               {"h_add_far", "2048"}};
  for (const auto& [name, id] : cases) {
    INFO(name);
    const auto ran = asked("tokenize " + shared_case("vocabulary_with_holes/" + name) + " json",
                           "{\"text\":\"<new>token\"}\n");
    INFO(ran.output);
    CHECK(contains(ran.output, "\"ids\":[" + id + ","));
  }
}

TEST_CASE("inputs: one Unicode, whatever the system's libraries bring", "[inputs]") {
  CHECK(text::general_category('a') == "Ll");
  CHECK(text::general_category(0x1C89) == "Lu");  // of Unicode 16
  CHECK(text::simple_lower(0x1C89) == 0x1C8A);
  CHECK(text::general_category(0x10D40) == "Nd");  // of Unicode 16
  CHECK(text::is_numeric(0x10D40));
  CHECK(text::general_category(0x378) == "Cn");
  CHECK(text::never_normalised(0x32FF));
}

TEST_CASE("inputs: what is no regular file is not read and not replaced", "[inputs]") {
  TempDir dir;
  const auto pipe = (dir.path / "pipe.jsonl").string();
  REQUIRE(std::system(("mkfifo " + pipe).c_str()) == 0);
  const auto ran = run("show request wikitext 0 --documents " + pipe);
  CHECK(ran.code != 0);
  CHECK(contains(ran.output, "is a pipe, no regular file"));
  std::ofstream(dir.path / "ids.json") << std::string(1'000'000, '[');
  const auto deep = run("logits opt-ts-1m --ids " + (dir.path / "ids.json").string() + " --out " +
                        (dir.path / "o.safetensors").string());
  CHECK(deep.code == 2);
  CHECK(contains(deep.output, "is no JSON"));
  std::ofstream(dir.path / "good.json") << "[1,2,3]";
  const auto device =
      run("logits opt-ts-1m --ids " + (dir.path / "good.json").string() + " --out /dev/null");
  CHECK(device.code == 2);
  CHECK(contains(device.output, "is a device, which is not replaced"));
  if (std::filesystem::exists("/dev/full")) {
    CHECK(std::system(
              (std::string(BENCH_BIN) + "/bench criteria >/dev/full 2>/dev/null").c_str()) != 0);
    CHECK(std::system(("echo '{\"text\":\"a\"}' | " + std::string(BENCH_BIN) +
                       "/bench tokenize opt-ts-1m >/dev/full 2>/dev/null")
                          .c_str()) != 0);
  }
}

TEST_CASE("inputs: control characters of names reach no terminal", "[inputs]") {
  const auto ran = run("run 'no\x1b[31mfile.yaml'");
  CHECK(ran.code != 0);
  CHECK(!contains(ran.output, "\x1b"));
  CHECK(contains(ran.output, "\\x1b"));
}

TEST_CASE("inputs: a run whose workers cannot begin ends with the reason", "[inputs]") {
  const auto ran = run("run " + case_file("lm.yaml") + " --config-dir " +
                       (root() / "configs").string() + " --no-report --db :memory:");
  CHECK(ran.code != 0);
  CHECK(contains(ran.output, "as a file"));
}
