// What happened to people who asked whether a number is of what it says: each story as they would
// type it, from a file to the report.
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "experiments/ledger.h"
#include "front/program.h"
#include "results/store.h"
#include "test.h"

using namespace bench;
using namespace bench::test;

namespace fs = std::filesystem;

namespace {

struct Story {
  TempDir dir;
  std::string config = (dir.path / "sweep.yaml").string(), db = (dir.path / "x.db").string();

  explicit Story(const std::string& yaml) {
    setenv("BENCH_HOME", root().c_str(), 1);
    write("sweep.yaml", yaml);
  }
  void write(const std::string& name, const std::string& text) const {
    fs::create_directories((dir.path / name).parent_path());
    std::ofstream(dir.path / name) << text;
  }
  Ran bench(const std::string& words) const { return run(words + " --db " + db); }
  Ran sweep(const std::string& more = "") const {
    return bench("run " + config + " --no-report " + more);
  }
  std::vector<Trial> trials() const { return Store(db, Store::Mode::ReadOnly).trials(); }
  double ppl(size_t trial) const {
    const Store store(db, Store::Mode::ReadOnly);
    return store.outcome(store.trials().at(trial).id).metrics.at(0).value;
  }
  void copy_model(const std::string& folder) const {
    fs::create_directories(dir.path / folder);
    for (const auto& f : fs::directory_iterator(root() / "data/models/stories260k"))
      fs::copy_file(f.path(), dir.path / folder / f.path().filename());
  }
  void edit(const std::string& name, const std::string& from, const std::string& to) const {
    auto text = slurp(dir.path / name);
    const auto at = text.find(from);
    REQUIRE(at != std::string::npos);
    write(name, text.replace(at, from.size(), to));
  }
};

const std::string kPerplexity =
    "task: {stories: {name: perplexity, text: text/tinystories_sample_2MiB.txt, windows: 2, "
    "window: 64}}\n";

std::string stories_of(const std::string& model) {
  return "model: {name: tiny, path: " + model + "}\nsparsity: 0\n" + kPerplexity;
}

}  // namespace

TEST_CASE("every answer of a task's file was edited: the accuracy is another one", "[stories]") {
  Story s("model: {name: stories260k}\nsparsity: 0\n");
  const auto documents = [&](const std::string& label) {
    std::string text;
    for (int i = 0; i < 8; ++i)
      text +=
          fmt::format(R"({{"q": "{} plus one", "c": ["two", "three"], "gold": {}}})", i, label) +
          "\n";
    s.write("docs.jsonl", text);
  };
  s.write("task.yaml",
          "task: mine\noutput_type: multiple_choice\ntest_split: test\n"
          "dataset_path: json\ndataset_kwargs: {data_files: {test: docs.jsonl}}\n"
          "doc_to_text: '{{q}}'\ndoc_to_choice: '{{c}}'\ndoc_to_target: gold\n");
  const auto words =
      "+task.mine.name=lm_eval +task.mine.task=" + (s.dir.path / "task.yaml").string() +
      " +task.mine.documents=" + (s.dir.path / "docs.jsonl").string();
  documents("0");
  REQUIRE(s.sweep(words).code == 0);
  documents("1");
  const auto again = s.sweep(words);
  CHECK(contains(again.output, "1 done (0 before)"));
  REQUIRE(s.trials().size() == 2);
  CHECK(std::abs(s.ppl(0) + s.ppl(1) - 1) < 1e-12);  // what was right is wrong, and the reverse
  const auto report = s.bench("report --full").output;
  CHECK(contains(report, "mine @"));  // no table mixes the two
  CHECK(!contains(report, "[2 "));
}

TEST_CASE("a definition that is included, and a file of examples, are part of a trial",
          "[stories]") {
  Story s("model: {name: stories260k}\nsparsity: 0\n");
  s.write("docs.jsonl", "{\"q\": \"a\", \"gold\": \"b\"}\n{\"q\": \"c\", \"gold\": \"d\"}\n");
  s.write("base.yaml",
          "output_type: loglikelihood\ntest_split: test\ndataset_path: json\n"
          "doc_to_text: '{{q}}'\ndoc_to_target: gold\n");
  s.write("task.yaml", "include: base.yaml\ntask: mine\n");
  const auto words =
      "+task.mine.name=lm_eval +task.mine.task=" + (s.dir.path / "task.yaml").string() +
      " +task.mine.documents=" + (s.dir.path / "docs.jsonl").string();
  const auto first = s.sweep(words);
  INFO(first.output);
  REQUIRE(first.code == 0);
  CHECK(contains(s.sweep(words).output, "(1 before)"));
  s.edit("base.yaml", "'{{q}}'", "'so {{q}}'");
  CHECK(contains(s.sweep(words).output, "(0 before)"));
  CHECK(s.trials().size() == 2);
}

TEST_CASE("config.json beside a bare file of weights is part of the model", "[stories]") {
  Story s(stories_of("?"));
  s.copy_model("m");
  s.write("sweep.yaml", stories_of((s.dir.path / "m/model.safetensors").string()));
  REQUIRE(s.sweep().code == 0);
  s.write("m/README.md", "a model");
  s.write("m/.lock", "");
  CHECK(contains(s.sweep().output, "(1 before)"));
  s.edit("m/config.json", "10000", "500");
  CHECK(contains(s.sweep().output, "(0 before)"));
  REQUIRE(s.trials().size() == 2);
  CHECK(s.ppl(1) > 1.5 * s.ppl(0));
}

TEST_CASE("two checkpoints under one name are two models in every table", "[stories]") {
  Story s(stories_of("?"));
  s.copy_model("a");
  s.copy_model("b");
  s.edit("b/config.json", "10000", "500");
  const std::string pruned = "criterion: {name: magnitude}\n";
  for (const char* folder : {"a", "b"})
    for (const char* sparsity : {"0", "0.5"}) {
      s.write("sweep.yaml", stories_of((s.dir.path / folder).string()) + pruned);
      REQUIRE(s.sweep(std::string("sparsity=") + sparsity).code == 0);
    }
  const auto report = s.bench("report --format csv").output;
  const auto trials = s.trials();
  REQUIRE(trials.size() == 4);
  CHECK(trials[0].weights != trials[2].weights);
  for (const auto& t : trials) CHECK(contains(report, "tiny @" + t.weights.substr(0, 4)));
  // Four rows: a dense and a pruned one of each.
  CHECK(std::count(report.begin(), report.end(), '\n') == 5);
}

TEST_CASE("three settings and a leaking one are four rows", "[stories]") {
  Story s(
      "model: {name: stories260k}\ncriterion: {name: wanda}\nsparsity: 0.5\n"
      "data: {nsamples: 4, seqlen: 64, file: text/c4/sample_c4-rp1.jsonl}\n" +
      kPerplexity);
  REQUIRE(s.sweep("-m data.nsamples=2,4,8 +data.seed=0,1").code == 0);
  REQUIRE(s.sweep("data.nsamples=8 data.file=text/tinystories_sample_2MiB.txt").code == 0);
  const auto report = s.bench("report --format csv").output;
  const auto rows = [&](const std::string& part) {
    size_t count = 0;
    for (size_t at = 0; (at = report.find(part, at)) != std::string::npos; ++at) ++count;
    return count;
  };
  CHECK(rows("2 seeds") == 3);
  CHECK(rows("LEAK") == 1);
  CHECK(rows("nsamples 2") == 1);
  CHECK(rows("nsamples 4") == 1);
  CHECK(rows("nsamples 8") == 2);
  CHECK(contains(report, "file text/tinystories_sample_2MiB.txt"));
}

TEST_CASE("what once ran out of time succeeds with the new command's limit", "[stories]") {
  Story s("model: {name: stories260k}\nsparsity: 0\nlauncher: {time_limit: 0}\n" + kPerplexity);
  const auto failed = s.sweep("launcher.time_limit=0.0001 task.stories.windows=20");
  CHECK(failed.code == 1);
  CHECK(contains(failed.output, "time limit"));
  CHECK(contains(failed.output, "try them again: bench run"));
  CHECK(contains(failed.output, "--retry-failed"));
  const auto plain = s.sweep("task.stories.windows=20");
  CHECK(plain.code == 1);
  CHECK(contains(plain.output, "1 trial failed in an earlier run"));
  const auto again = s.sweep("task.stories.windows=20 --retry-failed");
  CHECK(again.code == 0);
  CHECK(contains(again.output, "1 done"));
}

TEST_CASE("labels follow the newest configuration; people name, remark and remove", "[stories]") {
  Story s("model: {name: stories260k}\ncriterion: {name: magnitude}\nsparsity: 0.5\nmethod: old\n" +
          kPerplexity);
  REQUIRE(s.sweep().code == 0);
  CHECK(contains(s.sweep("method=new model.name=renamed +model.path=stories260k").output,
                 "(1 before)"));
  CHECK(s.trials().at(0).method == "new");
  CHECK(s.trials().at(0).model == "renamed");
  CHECK(s.bench("name 1 third").code == 0);
  CHECK(contains(s.bench("report --full").output, "third"));
  CHECK(s.bench("note 1 'on the old cluster'").code == 0);
  CHECK(contains(s.bench("show 1").output, "remark: on the old cluster"));
  CHECK(s.bench("rm 1").code == 2);
  CHECK(s.bench("rm 1 --reason 'wrong text'").code == 0);
  CHECK(s.trials().empty());
  CHECK(s.bench("rm ffffff --reason x").code == 2);
}

TEST_CASE("a number of other code is measured again, the old one is history", "[stories]") {
  Ledger ledger;
  const auto id = ledger.add(
      "model: {name: stories260k}\ncriterion: {name: magnitude}\n"
      "sparsity: 0.5\n" +
      kPerplexity);
  const auto code = Store(ledger.db).trial(id)->code;
  CHECK(contains(code, "criterion magnitude"));
  CHECK(contains(code, "allocator uniform"));
  CHECK(contains(code, "task perplexity"));
  CHECK(contains(code, "model llama"));
  const auto command = (ledger.dir.path / "one.yaml").string() + " --db " + ledger.db;
  CHECK(contains(run("plan " + command).output, "1 done"));
  // As if the criterion had been another one when the row was written.
  ledger.sql(R"(UPDATE trial SET code = json_set(code, '$."criterion magnitude"', 'other'))");
  CHECK(contains(run("plan " + command).output, "1 stale"));
  CHECK(contains(run("run --keep --no-report " + command).output, "(1 before)"));
  CHECK(contains(run("run --no-report " + command).output, "1 done (0 before, 1 measured again)"));
  const auto shown = run("show " + id + " --db " + ledger.db).output;
  CHECK(contains(shown, "the code changed: criterion magnitude"));
  CHECK(contains(run("show " + id + "~1 --db " + ledger.db).output, "stands in no table"));
  const auto again = run("run --again --no-report " + command);
  CHECK(contains(again.output, "1 measured again"));
  CHECK(!contains(run("show " + id + " --db " + ledger.db).output, "reruns_disagree"));
  CHECK(run("run --again --keep " + command).code == 2);
}

TEST_CASE("a file that is replaced in the middle of a sweep stops it", "[stories]") {
  Story s(stories_of("?"));
  s.copy_model("m");
  s.write("sweep.yaml", stories_of((s.dir.path / "m").string()) +
                            "criterion: {name: magnitude}\nlauncher: {workers: 1}\nsweep: "
                            "{sparsity: [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]}\n");
  std::thread swap([&] {
    for (int i = 0; i < 3000; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      if (!fs::exists(s.db)) continue;
      try {
        const auto all = s.trials();
        if (std::any_of(all.begin(), all.end(), [](auto& t) { return t.state == "done"; })) break;
      } catch (const std::exception&) {
      }
    }
    auto text = slurp(s.dir.path / "m/config.json");
    text.replace(text.find("10000"), 5, "500");
    s.write("m/new.json", text);
    fs::rename(s.dir.path / "m/new.json", s.dir.path / "m/config.json");
  });
  const auto ran = s.sweep("task.stories.windows=20");
  swap.join();
  CHECK(ran.code != 0);
  CHECK(contains(ran.output, "model of trial"));
  CHECK(contains(ran.output, "changed since it was planned"));
  const auto left = s.trials();
  CHECK(std::any_of(left.begin(), left.end(), [](auto& t) { return t.state == "interrupted"; }));
  CHECK(std::none_of(left.begin(), left.end(), [](auto& t) { return t.state == "failed"; }));
  const auto then = s.sweep("task.stories.windows=20");  // with what is there now
  CHECK(then.code == 0);
  CHECK(contains(then.output, "8 done (0 before)"));
}

TEST_CASE("Ctrl-C: the same command goes on", "[stories]") {
  Story s(
      "model: {name: stories260k}\ncriterion: {name: magnitude}\nlauncher: {workers: 1}\n"
      "sparsity: 0\nsweep: {sparsity: [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]}\n" +
      kPerplexity);
  const auto log = (s.dir.path / "log").string();
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    setpgid(0, 0);
    const int to = open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    dup2(to, 1);
    dup2(to, 2);
    execl(BENCH_BIN "/bench", "bench", "run", s.config.c_str(), "--no-report", "--db", s.db.c_str(),
          "task.stories.windows=20", static_cast<char*>(nullptr));
    _exit(127);
  }
  for (int i = 0; i < 3000; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    try {
      if (!fs::exists(s.db)) continue;
      const auto all = s.trials();
      if (std::any_of(all.begin(), all.end(), [](auto& t) { return t.state == "done"; })) break;
    } catch (const std::exception&) {
    }
  }
  kill(-child, SIGINT);  // as a terminal does: to all of them
  int status = 0;
  waitpid(child, &status, 0);
  INFO(slurp(log));
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 130));
  CHECK(contains(slurp(log), "of 8 done; the same command goes on"));
  const auto all = s.trials();
  CHECK(std::none_of(all.begin(), all.end(), [](auto& t) { return t.state == "running"; }));
  CHECK(std::none_of(all.begin(), all.end(), [](auto& t) { return t.state == "failed"; }));
  CHECK(s.sweep("task.stories.windows=20").code == 0);
}

TEST_CASE("the first sweep of a newcomer has no LEAK", "[stories]") {
  Story s("");
  const auto ran = s.bench("run " + (root() / "configs/smoke.yaml").string());
  CHECK(ran.code == 0);
  CHECK(!contains(ran.output, "LEAK"));
  CHECK(!contains(ran.output, "INVALID"));
}

TEST_CASE("half precision is another model, with a baseline of its own", "[stories]") {
  Story s(
      "model: {name: stories260k, dtype: float32}\ncriterion: {name: wanda}\nsparsity: 0.5\n"
      "data: {nsamples: 4, seqlen: 64, file: text/c4/sample_c4-rp1.jsonl}\n" +
      kPerplexity + "sweep:\n  model.dtype: [float32, auto, bfloat16, float16]\n" +
      "  sparsity: [0, 0.5]\n");
  const auto ran = s.sweep();
  INFO(ran.output);
  REQUIRE(ran.code == 0);
  // auto is the checkpoint's own type, float32: the same trial as float32, once.
  CHECK(contains(ran.output, "6 trials: 6 done"));
  CHECK(contains(ran.output, "2 duplicates dropped"));
  const auto all = s.trials();
  REQUIRE(all.size() == 6);
  for (size_t i = 2; i < 6; ++i) {
    CHECK(s.ppl(i) != s.ppl(i % 2));
    // 2^-9 a rounding; of two windows the pruned one's perplexity is 40, an ill-conditioned number.
    CHECK(std::abs(s.ppl(i) / s.ppl(i % 2) - 1) < 0.1);
  }
  const auto report = s.bench("report --full");
  CHECK(contains(report.output, "stories260k · bfloat16 ·"));
  CHECK(contains(report.output, "stories260k · float16 ·"));
  CHECK(!contains(report.output, "dtype"));
  CHECK(contains(s.bench("run " + s.config + " model.dtype=int8 ~sweep").output, "int8"));
}

TEST_CASE("what cannot be loaded or read is said before anything runs", "[stories]") {
  Story s("model: {name: tiny, path: MODEL}\nsparsity: 0\n" + kPerplexity);
  s.copy_model("keyed");
  s.edit("keyed/config.json", "{", "{\"mystery_scaling\": 2, ");
  s.copy_model("bare");
  fs::remove(s.dir.path / "bare/model.safetensors");
  s.copy_model("narrow");
  s.edit("narrow/config.json", "\"hidden_size\": 64", "\"hidden_size\": 60");
  const auto plan = [&](const std::string& model) {
    auto yaml = slurp(s.dir.path / "sweep.yaml");
    yaml.replace(yaml.find("MODEL"), 5, (s.dir.path / model).string());
    s.write("one.yaml", yaml);
    const auto ran = run("plan " + (s.dir.path / "one.yaml").string());
    CHECK(ran.code == 2);
    return ran.output;
  };
  CHECK(contains(plan("keyed"), "mystery_scaling"));
  CHECK(contains(plan("bare"), "model.safetensors"));
  CHECK(contains(plan("narrow"), "narrow"));
}

TEST_CASE("labelled texts through the command: columns are looked at by the plan", "[stories]") {
  Story s(
      "model: {name: bert, path: MODEL}\nsparsity: 0\n"
      "task: {c: {name: text_classification, file: FILE, gold: mark}}\n");
  fs::copy(root() / "data/families/distilbert-cls", s.dir.path / "bert");
  nlohmann::json vocab;
  for (const char* token : {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"})
    vocab[token] = vocab.size();
  for (char c = 'a'; c <= 'z'; ++c)
    for (const char* before : {"", "##"}) vocab[before + std::string(1, c)] = vocab.size();
  const auto pair = [&](const char* t) { return nlohmann::json{t, vocab[t]}; };
  s.write(
      "bert/tokenizer.json",
      nlohmann::json{{"pre_tokenizer", {{"type", "BertPreTokenizer"}}},
                     {"post_processor",
                      {{"type", "BertProcessing"}, {"sep", pair("[SEP]")}, {"cls", pair("[CLS]")}}},
                     {"model",
                      {{"type", "WordPiece"},
                       {"unk_token", "[UNK]"},
                       {"continuing_subword_prefix", "##"},
                       {"max_input_chars_per_word", 100},
                       {"vocab", vocab}}}}
          .dump());
  s.edit("sweep.yaml", "MODEL", (s.dir.path / "bert").string());
  s.write("rows.csv", "sentence,mark\nthe good day,1\na bad one,0\nwell,1\n");
  s.edit("sweep.yaml", "FILE", (s.dir.path / "rows.csv").string());
  const auto ran = s.sweep();
  INFO(ran.output);
  CHECK(ran.code == 0);
  const auto wrong = run("plan " + s.config + " task.c.gold=label");
  CHECK(wrong.code == 2);
  CHECK(contains(wrong.output, "label"));
  CHECK(contains(run("plan " + s.config + " +task.c.text=words").output, "words"));
}

TEST_CASE("a configuration anywhere finds the shipped groups", "[stories]") {
  Story s(
      "defaults: [model: stories260k, criterion: wanda, data: c4_small, task: [stories_10], "
      "_self_]\nsparsity: 0.5\nseed: 0\n");
  const auto planned = run("plan " + s.config);
  INFO(planned.output);
  CHECK(planned.code == 0);
}

TEST_CASE("residency changes where weights are, and no bit of any result", "[stories]") {
  // Layers of 4 MiB: smaller ones never leave memory.
  Story s(
      "model: {name: wide, path: WIDE}\nsparsity: 0.5\nresidency: whole\n"
      "data: {nsamples: 2, seqlen: 32, file: text/c4/sample_c4-rp1.jsonl}\n"
      "criterion: {name: wanda}\npattern: {kind: unstructured}\npropagation: dense\n"
      "shrink: false\n" +
      kPerplexity);
  s.copy_model("wide");
  fs::remove(s.dir.path / "wide/model.safetensors");
  std::string shapes = "\"model.embed_tokens.weight\": [512, 1024]", norms;
  for (const std::string b : {"0", "1"}) {
    const auto at = "\"model.layers." + b + ".";
    for (const std::string l :
         {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj"})
      shapes += ", " + at + l + ".weight\": [1024, 1024]";
    for (const std::string l : {"mlp.gate_proj", "mlp.up_proj"})
      shapes += ", " + at + l + ".weight\": [1100, 1024]";
    shapes += ", " + at + "mlp.down_proj.weight\": [1024, 1100]";
    for (const std::string n : {"input_layernorm", "post_attention_layernorm"})
      shapes += ", " + at + n + ".weight\": [1024]";
  }
  s.write("wide/config.json",
          "{\"model_type\": \"llama\", \"hidden_size\": 1024, \"intermediate_size\": 1100, "
          "\"num_hidden_layers\": 2, \"num_attention_heads\": 8, \"num_key_value_heads\": 8, "
          "\"vocab_size\": 512, \"max_position_embeddings\": 512, \"tie_word_embeddings\": true, "
          "\"rms_norm_eps\": 1e-5, \"drawn\": {\"seed\": 1, \"shapes\": {" +
              shapes + ", \"model.norm.weight\": [1024]}}}");
  s.edit("sweep.yaml", "WIDE", (s.dir.path / "wide").string());
  const auto hashes = [&](const std::string& how) {
    const auto ran = s.sweep("--again " + how);
    INFO(ran.output);
    REQUIRE(ran.code == 0);
    const Store store(s.db, Store::Mode::ReadOnly);
    std::string all;
    for (const auto& t : store.trials()) {
      const auto o = store.outcome(t.id);
      for (const auto& [name, hash] : o.hashes) all += name + " " + hash + "\n";
      for (const auto& m : o.metrics) all += fmt::format("{} {}\n", m.name, m.value);
    }
    return all;
  };
  for (const std::string method :
       {"", "+model.dtype=bfloat16 criterion.name=magnitude",
        "pattern.kind=structured +pattern.groups=[neuron] shrink=true criterion.name=random"}) {
    INFO(method);
    CHECK(hashes(method + " residency=whole") == hashes(method + " residency=block"));
    fs::remove(s.db);
  }
}

TEST_CASE("the same sweep by other workers, threads and batches has the same bits", "[stories]") {
  const std::string yaml =
      "model: {name: stories260k}\ncriterion: {name: wanda}\nsparsity: 0.5\n"
      "data: {nsamples: 4, seqlen: 64, file: text/c4/sample_c4-rp1.jsonl}\n"
      "launcher: {workers: 1}\nbatch_tokens: 4096\n"
      "task:\n  stories: {name: perplexity, text: text/tinystories_sample_2MiB.txt, windows: 3}\n"
      "  piqa: {name: lm_eval, task: piqa, limit: 10}\n"
      "sweep:\n  criterion.name: [magnitude, wanda, sparsegpt]\n";
  const auto results = [&](const std::string& how) {
    Story s(yaml);
    const auto ran = s.sweep(how + " --config-dir " + (root() / "configs").string());
    INFO(ran.output);
    REQUIRE(ran.code == 0);
    const Store store(s.db, Store::Mode::ReadOnly);
    std::string all;
    for (const auto& t : store.trials()) {
      const auto o = store.outcome(t.id);
      all += t.id + "\n";
      for (const auto& m : o.metrics) {
        all += fmt::format("{} {} {} {}\n", m.task, m.name, m.value, m.items_hash);
        for (const float i : m.items) all += fmt::format("{} ", i);
      }
      for (const auto& [name, hash] : o.hashes) all += name + " " + hash + "\n";
    }
    return all;
  };
  const auto one = results("launcher.workers=1 batch_tokens=8192");  // two threads on two cores
  CHECK(one == results("launcher.workers=4 batch_tokens=8192"));     // one each
  CHECK(one == results("launcher.workers=2 batch_tokens=64"));
}
