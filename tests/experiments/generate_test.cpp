// generate and logits, against recorded systems and against themselves.
#include "ask.h"
#include "formats/safetensors.h"
#include "test.h"

using namespace bench;
using namespace bench::test;

TEST_CASE("generate: until, length and the ways to give prompts", "[ask]") {
  const auto text = [](const std::string& words, const std::string& in = "") {
    const auto rows = rows_of(ask("generate stories260k " + words, in).output);
    REQUIRE(rows.size() == 1);
    return rows[0];
  };
  const auto whole = text("'Once upon a time' --max-new-tokens 30");
  CHECK(whole["stop"] == "length");
  CHECK(whole["ids"].size() == 30);
  CHECK(text("--max-new-tokens=30", "Once upon a time\n") == whole);
  CHECK(text("--max-new-tokens 30", "{\"prompt\": \"Once upon a time\"}\n") == whole);
  const auto cut = text("'Once upon a time' --max-new-tokens 30 --until girl --until zzz");
  CHECK(cut["stop"] == "until");
  CHECK(whole["text"].get<std::string>().rfind(cut["text"].get<std::string>() + "girl", 0) == 0);
  CHECK(ask("generate stories260k --text --max-new-tokens 30 'Once upon a time'").output ==
        "Once upon a time" + whole["text"].get<std::string>() + "\n");
  const auto two =
      rows_of(ask("generate stories260k 'Tom' 'Once upon a time' --max-new-tokens 30").output);
  REQUIRE(two.size() == 2);
  CHECK(two[1] == whole);
}

TEST_CASE("generate: mistakes are sentences", "[ask]") {
  CHECK(contains(ask("generate stories260k", "").output, "no prompt"));
  CHECK(
      contains(ask("generate stories260k a --max-new-tokens x").output, "'x' is no whole number"));
  const auto far = ask("generate stories260k a --max-new-tokens 600");
  CHECK(far.code == 2);
  CHECK(contains(far.output, "prompt 1: the prompt has"));
  CHECK(contains(ask("generate stories260k", "{\"promt\": \"a\"}\n").output,
                 "\"promt\" is there instead"));
}

TEST_CASE("generate: recorded greedy continuations, id for id", "[ask][shared]") {
  SKIP_WITHOUT_SHARED();
  const auto recorded = rows_of(slurp(shared() / "golden/generation/stories260k.jsonl"));
  std::string prompts;
  for (const auto& r : recorded) prompts += Json{{"prompt", r["prompt"]}}.dump() + "\n";
  const auto rows =
      rows_of(ask("generate stories260k --ignore-eos --max-new-tokens 64", prompts).output);
  REQUIRE(rows.size() == recorded.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    CHECK(rows[i]["prompt_ids"] == recorded[i]["prompt_ids"]);
    CHECK(rows[i]["ids"] == recorded[i]["output_ids"]);
  }
}

TEST_CASE("logits: every form of ids, even and ragged rows, and they are those that score uses",
          "[ask]") {
  const TempDir dir;
  const auto out = (dir.path / "out.safetensors").string();
  const auto of = [&](const std::string& text) {
    std::ofstream(dir.path / "ids") << text;
    const auto ran =
        ask("logits stories260k --ids '" + (dir.path / "ids").string() + "' --out " + out);
    INFO(ran.output);
    REQUIRE(ran.code == 0);
    return read_safetensors(out);
  };
  const auto one = of("[1, 403, 407]");
  CHECK(one.at("input_ids").sizes() == at::IntArrayRef{1, 3});
  CHECK(one.at("logits").sizes() == at::IntArrayRef{1, 3, 512});
  const auto two = of("[[1, 403, 407],\n [1, 2, 3]]");
  CHECK(two.at("logits")[0].equal(one.at("logits")[0]));
  const auto lines = of("[1, 403, 407]\n\n{\"ids\": [1, 2]}\n");
  CHECK(lines.count("logits") == 0);
  CHECK(lines.at("logits.0").equal(one.at("logits")[0]));
  CHECK(lines.at("logits.1").equal(two.at("logits")[1].slice(0, 0, 2)));
  CHECK(lines.at("input_ids.1").equal(at::tensor({1, 2}, at::kLong)));

  const auto scored = rows_of(ask("score stories260k", kThree).output)[0];
  auto ids = std::vector<int64_t>{1, 403, 407, 261, 378};
  for (const auto& id : scored["ids"]) ids.push_back(id.get<int64_t>());
  const auto logits = of(Json(ids).dump()).at("logits")[0];
  const auto log_p = logits.log_softmax(1);
  double sum = 0;
  for (size_t t = 5; t < ids.size(); ++t)
    sum += log_p[static_cast<int64_t>(t) - 1][ids[t]].item<double>();
  CHECK(std::abs(sum - scored["logprob"].get<double>()) < 1e-5);
}

TEST_CASE("logits: mistakes name file, line and row, and leave no file behind", "[ask]") {
  const TempDir dir;
  const auto out = dir.path / "out.safetensors";
  const auto said = [&](const std::string& text) {
    std::ofstream(dir.path / "ids") << text;
    const auto ran =
        ask("logits stories260k --ids '" + (dir.path / "ids").string() + "' --out " + out.string());
    CHECK(ran.code == 2);
    return ran.output;
  };
  CHECK(contains(said("[1, -2]"), "-2 is no token id"));
  CHECK(contains(said("[1, 2]\n[1, x]\n"), "ids:2: is no JSON"));
  CHECK(contains(said("[1, 2]\n[1, [2]]\n"), "ids:2: [2] is no token id"));
  CHECK(contains(said("{\"text\": 1}"), "neither a list of ids"));
  CHECK(contains(said("[]"), "holds no id"));
  CHECK(contains(said("[[1], [1, 512]]"), "row 1: "));
  std::string many = "[1";
  for (int i = 0; i < 512; ++i) many += ",1";
  CHECK(contains(said(many + "]"), "row 0 has 513 ids, more than the model's 512"));
  CHECK(contains(ask("logits stories260k").output, "--ids and --out are needed"));
  const auto nowhere = ask("logits stories260k --ids " + (dir.path / "ids").string() +
                           " --out /no/such/folder/x.safetensors");
  CHECK(nowhere.code == 2);
  for (const auto& entry : std::filesystem::directory_iterator(dir.path))
    CHECK(entry.path().filename() == "ids");
}

TEST_CASE("logits: forward passes recorded from transformers", "[ask][shared]") {
  SKIP_WITHOUT_SHARED();
  const TempDir dir;
  for (const char* name : {"gpt2", "opt-preln", "bloom-4head", "llama-gqa", "gpt-neox"}) {
    INFO(name);
    const auto file = shared() / "golden/logits" / (std::string(name) + ".safetensors");
    const auto out = (dir.path / "out.safetensors").string();
    const auto ran = ask("logits " + (shared() / "golden/tiny_models" / name).string() + " --ids " +
                         file.string() + " --out " + out);
    INFO(ran.output);
    REQUIRE(ran.code == 0);
    const auto theirs = read_safetensors(file.string()), ours = read_safetensors(out);
    CHECK(ours.at("input_ids").equal(theirs.at("input_ids")));
    CHECK((ours.at("logits") - theirs.at("logits")).abs().max().item<double>() <= 1e-4);
  }
}
