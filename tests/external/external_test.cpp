// A criterion that is another program, and one from a shared library: as a user runs them.
#include <fmt/format.h>

#include <chrono>

#include "external/program.h"
#include "front/program.h"
#include "results/store.h"
#include "test.h"

using namespace bench;
using namespace bench::test;

namespace fs = std::filesystem;

namespace {

/// The protocol in Python's standard library alone; `answer(shape, values)` is what differs.
const char* const kProgram = R"(import json, struct, sys
def read(n):
    data = sys.stdin.buffer.read(n)
    if len(data) != n: sys.exit(0)
    return data
def reply(name, shape, values):
    data = struct.pack('<%df' % len(values), *values)
    head = json.dumps({name: {'dtype': 'F32', 'shape': shape, 'data_offsets': [0, len(data)]}}).encode()
    head += b' ' * (-len(head) % 8)
    body = struct.pack('<Q', len(head)) + head + data
    sys.stdout.buffer.write(struct.pack('<Q', len(body)) + body)
    sys.stdout.buffer.flush()
while True:
    message = read(struct.unpack('<Q', read(8))[0])
    size = struct.unpack('<Q', message[:8])[0]
    head = json.loads(message[8:8 + size])
    shape = head['weight']['shape']
    begin, end = head['weight']['data_offsets']
    w = struct.unpack('<%df' % (shape[0] * shape[1]), message[8 + size + begin:8 + size + end])
    ANSWER
)";

struct Run {
  TempDir dir;
  std::string db = (dir.path / "x.db").string();

  std::string program(const std::string& answer) const {
    std::string text = kProgram;
    text.replace(text.find("ANSWER"), 6, answer);
    const auto file = dir.path / "program.py";
    std::ofstream(file) << text;
    return fmt::format("[python3, {}]", file.string());
  }
  Ran sweep(const std::string& criterion) const {
    setenv("BENCH_HOME", root().c_str(), 1);
    std::ofstream(dir.path / "one.yaml")
        << "model: {name: stories260k}\nsparsity: 0.5\npattern: {per: row}\n"
           "data: {nsamples: 2, seqlen: 64}\n"
           "task: {s: {name: perplexity, text: text/tinystories_sample_2MiB.txt, windows: 2}}\n"
        << criterion << "\n";
    return run("run " + (dir.path / "one.yaml").string() + " --no-report --db " + db);
  }
  std::string hash(size_t trial, const std::string& name) const {
    const Store store(db, Store::Mode::ReadOnly);
    for (const auto& [known, value] : store.outcome(store.trials().at(trial).id).hashes)
      if (known == name) return value;
    return "";
  }
  std::string error() const {
    const Store store(db, Store::Mode::ReadOnly);
    const auto all = store.trials();
    return all.empty() ? "" : all.back().error;
  }
};

std::string external(const std::string& command, const std::string& more = "") {
  return "criterion: {name: external, command: " + command + more + "}";
}

}  // namespace

TEST_CASE("a program that scores by magnitude gives the built-in's masks", "[external]") {
  const Run r;
  REQUIRE(r.sweep("criterion: {name: magnitude}").code == 0);
  const auto command = r.program("reply('scores', shape, [abs(x) for x in w])");
  const auto ran = r.sweep(external(command));
  INFO(ran.output);
  REQUIRE(ran.code == 0);
  CHECK(r.hash(0, "mask") == r.hash(1, "mask"));
  CHECK(r.hash(0, "mask").size() == 64);
  CHECK(contains(r.sweep(external(command)).output, "(1 before)"));
  // The program's file is part of what was measured.
  r.program("reply('scores', shape, [-abs(x) for x in w])");
  CHECK(contains(r.sweep(external(command)).output, "(0 before)"));
  CHECK(r.hash(2, "mask") != r.hash(0, "mask"));
}

TEST_CASE("what a program does wrong is a sentence and a failed trial", "[external]") {
  const std::vector<std::pair<std::string, std::string>> wrong{
      {"reply('scores', shape, [float('nan')] * len(w))", "its scores hold NaN"},
      {"reply('scores', [len(w)], w)", "its scores have the shape"},
      {"reply('other', shape, w)", "holds no tensor 'scores'"},
      {"sys.stdout.buffer.write(struct.pack('<Q', 4) + b'oops'); sys.stdout.buffer.flush()",
       "no safetensors file"},
      {"sys.stdout.buffer.write(struct.pack('<Q', 1 << 60)); sys.stdout.buffer.flush()", "at most"},
      {"raise ValueError('no such layer')", "it said: ValueError: no such layer"},
      {"sys.exit(3)", "ended without an answer"}};
  for (const auto& [answer, why] : wrong) {
    CAPTURE(answer);
    const Run r;
    const auto ran = r.sweep(external(r.program(answer)));
    CHECK(ran.code == 1);
    CHECK(contains(r.error(), why));
  }
  const Run slow;
  CHECK(slow.sweep(external(slow.program("import time; time.sleep(60)"), ", timeout: 0.5")).code ==
        1);
  CHECK(contains(slow.error(), "gave no answer within 0.5 seconds"));
  const Run none;
  CHECK(none.sweep(external("[no-such-program-here]")).code == 1);
  CHECK(contains(none.error(), "cannot be started: No such file or directory"));
  const Run empty;
  CHECK(empty.sweep(external("[]")).code == 2);
  CHECK(contains(empty.sweep(external("[x]", ", statistics: [inptu_norm]")).output,
                 "did you mean input_norm"));
}

TEST_CASE("Wanda in Python gives the built-in's masks", "[external]") {
  if (std::system("python3 -c 'import numpy' 2>/dev/null") != 0) {
    WARN("skipped: python3 has no numpy here");
    return;
  }
  const Run r;
  REQUIRE(r.sweep("criterion: {name: wanda}").code == 0);
  const auto script = (root() / "examples/external/wanda.py").string();
  const auto ran = r.sweep(external("[python3, " + script + "]", ", statistics: [input_norm]"));
  INFO(ran.output);
  REQUIRE(ran.code == 0);
  CHECK(r.hash(0, "mask") == r.hash(1, "mask"));
  CHECK(r.hash(0, "pruned_weights") == r.hash(1, "pruned_weights"));
}

TEST_CASE("a plugin outside of the tree is built, run, conforms, and goes stale", "[plugin]") {
  TempDir dir;
  for (const auto& f : fs::directory_iterator(root() / "examples/plugin"))
    fs::copy_file(f.path(), dir.path / f.path().filename());
  const auto build = (dir.path / "build").string();
  const auto package = (fs::path(BENCH_BIN).parent_path() / "package").string();
  const auto make = "cd " + dir.path.string() + " && cmake -B " + build +
                    " -DPruneBench_DIR=" + package + " >log 2>&1 && cmake --build " + build +
                    " >>log 2>&1";
  REQUIRE(std::system(make.c_str()) == 0);
  const auto plugin = "--plugin " + build + "/libhalf_magnitude.so ";
  setenv("BENCH_HOME", root().c_str(), 1);
  const auto db = (dir.path / "x.db").string();
  const auto sweep = plugin + "run " + (root() / "configs/smoke.yaml").string() +
                     " --no-report sparsity=0.5 ++criterion.name=half_magnitude --db " + db;
  const auto first = run(sweep);
  INFO(first.output);
  REQUIRE(first.code == 0);
  CHECK(contains(run(sweep).output, "(1 before)"));
  const auto id = Store(db).trials().at(0).id;
  CHECK(contains(Store(db).trials().at(0).code, "criterion half_magnitude"));
  CHECK(contains(run(plugin + "criteria").output, "half_magnitude"));
  // Another formula: the old number is history.
  auto text = slurp(dir.path / "half_magnitude.cpp");
  text.replace(text.find(".abs().pow(power_)"), 18, ".abs().pow(power_).neg()");
  std::ofstream(dir.path / "half_magnitude.cpp") << text;
  REQUIRE(std::system(make.c_str()) == 0);
  CHECK(contains(run(sweep).output, "1 measured again"));
  CHECK(Store(db).history(id).size() == 1);
  CHECK(Store(db).outcome(id).metrics.at(0).value !=
        Store(db).outcome(id + "~1").metrics.at(0).value);
  CHECK(run("--plugin /no/such.so criteria").code == 2);
  CHECK(contains(run("--plugin " + db + " criteria").output, "cannot be loaded"));
}
