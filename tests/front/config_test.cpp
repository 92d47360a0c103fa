// Hydra's flags, completion and recorded configurations, as a user types them.
#include "hydra/tree.h"
#include "front/program.h"

using namespace bench;
using namespace bench::test;

namespace {

Tree tree() {
  return Tree({{"sweep.yaml",
                "# a sweep\ndefaults:\n  - model: tiny\n  - _self_\nseed: 0\nfast: false\n"
                "name: ${model.name}-s${seed}\nhydra: {job: {name: x}}\nsweep: {seed: [0, 1]}\n"},
               {"model/tiny.yaml", "name: tiny\nlayers: 4\n"},
               {"model/small.yaml", "name: small\nlayers: 12\n"}});
}

std::string complete(const StandIn& program, const std::string& line) {
  setenv("COMP_LINE", line.c_str(), 1);
  setenv("COMP_POINT", std::to_string(line.size()).c_str(), 1);
  auto words = program.run("-sc query=bash").output;
  for (auto& c : words) c = c == '\n' ? ' ' : c;
  return words;
}

}  // namespace

TEST_CASE("--cfg prints what is composed, --resolve its values, --package a part", "[front]") {
  const auto files = tree();
  const auto file = "run " + (files.folder.path / "sweep.yaml").string();
  const std::string job =
      "model:\n  name: tiny\n  layers: 4\nseed: 3\nfast: false\nname: ${model.name}-s${seed}\n";
  CHECK(run(file + " --cfg job seed=3").output == job);
  CHECK(run(file + " seed=3 -c job").output == job);
  CHECK(run(file + " --cfg=job seed=3 --resolve -p name").output == "# @package name\ntiny-s3\n");
  CHECK(run(file + " -c job -p model model=small").output ==
        "# @package model\nname: small\nlayers: 12\n");
  const auto all = run(file + " -c all").output;
  CHECK(contains(all, "name: ${model.name}"));
  CHECK(contains(all, "hydra:\n  job:\n    name: x\n"));
  CHECK(!contains(run(file + " -c hydra").output, "fast"));
  CHECK(run("plan" + file.substr(3) + " -c job seed=3").output == job);
}

TEST_CASE("--info prints how it is composed", "[front]") {
  const auto files = tree();
  const auto file = "run " + (files.folder.path / "sweep.yaml").string();
  CHECK(contains(run(file + " --info defaults").output, "| model/tiny  | model   | False  |"));
  CHECK(contains(run(file + " -i defaults-tree model=small").output, "sweep:\n  model: small\n"));
  CHECK(contains(run(file + " --info searchpath").output, files.folder.path.string()));
  CHECK(contains(run(file + " --info config").output, "layers: 4"));
  for (const char* words : {" --info", " --info all", " --info seed=4"}) {
    const auto said = run(file + words).output;
    for (const char* part : {"Config search path", "Defaults Tree", "Defaults List", "layers: 4"})
      CHECK(contains(said, part));
  }
}

TEST_CASE("a configuration is named by its file, or by folder and name", "[front]") {
  const auto files = tree();
  const auto folder = files.folder.path.string();
  const Tree more({{"model/big.yaml", "name: big\n"}});
  CHECK(contains(run("run -cp " + folder + " -cn sweep -c job").output, "layers: 4"));
  CHECK(contains(run("run seed=5 -cp " + folder + " -cn sweep.yaml -c job").output, "seed: 5"));
  CHECK(contains(run("run " + folder + "/x.yaml --config-name sweep -c job").output, "layers: 4"));
  const auto added = " --config-dir " + more.folder.path.string() + " model=big";
  CHECK(contains(run("run " + folder + "/sweep.yaml -c job" + added).output, "name: big"));
}

TEST_CASE("run and plan hand over one plain command", "[front]") {
  const auto files = tree();
  const auto file = (files.folder.path / "sweep.yaml").string();
  const StandIn engine("echo \"$@\"\n");
  CHECK(engine.run("run " + file + " -m seed=1,2").output == "run " + file + " -m seed=1,2\n");
  CHECK(engine.run("plan ~fast --config-dir a " + file).output ==
        "plan " + file + " --config-dir a ~fast\n");
  CHECK(engine.run("run --workers 2 --db x.db " + file + " --no-report --retry-failed").output ==
        "run " + file + " --db x.db --retry-failed --no-report ++launcher.workers=2\n");
}

TEST_CASE("mistakes with configurations are exit code 2 and name the remedy", "[front]") {
  const auto files = tree();
  const auto file = "run " + (files.folder.path / "sweep.yaml").string();
  const auto folder = files.folder.path.string();
  const std::pair<std::string, const char*> cases[] = {
      {"run -cp " + folder, "which configuration? usage: bench run"},
      {"run " + folder, "is a folder; which of its configurations?; known: sweep.yaml"},
      {"run " + folder + "/swep.yaml", "did you mean sweep.yaml?"},
      {file + " sede", "'sede' is no override; write KEY=VALUE"},
      {file + " --cfg jbo", "did you mean job"},
      {file + " --info defalts", "did you mean defaults"},
      {file + " --resolve", "--resolve goes with --cfg"},
      {file + " -m --cfg job", "only one of --multirun, --cfg and --info"},
      {file + " --workers two", "'two' is no number of processes"},
      {file + " --cfg job -p modle", "did you mean model?"},
      {file + " --cfg job seed=1,2", "add --multirun"},
      {file + " --cfg job sede=1", "Did you mean seed?"},
      {file + " -cp x", "names its folder itself"},
      {"-sc install=bsh", "did you mean bash"},
      {"-sc", "install=bash"}};
  for (const auto& [words, part] : cases) {
    INFO(words);
    const Ran r = run(words);
    CAPTURE(r.output);
    CHECK(r.code == 2);
    CHECK(contains(r.output, part));
  }
}

TEST_CASE("completion: verbs, flags, groups, options, keys, and what only the engine knows",
          "[front]") {
  const auto files = tree();
  const auto file = (files.folder.path / "sweep.yaml").string();
  const StandIn engine(
      "echo '[{\"key\": \"model.name\", \"choices\": [\"tiny\", \"tall\"]}, "
      "{\"key\": \"device\", \"choices\": [\"cpu\", \"cuda\"]}]'\n");
  CHECK(complete(engine, "bench ") ==
        "audit benchmark build conform criteria diff doctor explain export export-results "
        "fetch generate help import leaderboard list logits memory merge name note paired plan "
        "plot report reproduce rm run "
        "score show status test tokenize variance verify why ");
  CHECK(complete(engine, "bench help r") == "report reproduce rm run ");
  CHECK(complete(engine, "bench diff --") == "--db --db-b --help --json ");
  CHECK(complete(engine, "bench list --state d") == "done ");
  CHECK(complete(engine, "bench run -i def") == "defaults defaults-tree ");
  CHECK(complete(engine, "bench run " + files.folder.path.string() + "/s") == file + " ");
  const auto line = "bench run " + file + " ";
  CHECK(complete(engine, line + "mod") == "model. model= ");
  const auto models = complete(engine, line + "-m model=");  // its own, and those that are shipped
  for (const char* name : {"model=small ", "model=tiny ", "model=stories260k "})
    CHECK(models.find(name) != models.npos);
  CHECK(complete(engine, line + "--db x.db model=small fast=") == "fast=false fast=true ");
  CHECK(complete(engine, line + "model.name=t") == "model.name=tall model.name=tiny ");
  CHECK(complete(engine, line + "+d") == "+data= +device= ");
  CHECK(complete(engine, "bench explain d") == "device ");
  CHECK(complete(engine, "bench nonsense x") == "");
  std::filesystem::remove(engine.folder.path / "bench-engine");
  CHECK(complete(engine, line + "model.name=t") == "");
  for (const char* shell : {"bash", "zsh", "fish"}) {
    CHECK(contains(run(std::string("-sc install=") + shell).output, "-sc query="));
    CHECK(contains(run(std::string("-sc uninstall=") + shell).output, "bench_complete"));
  }
}

TEST_CASE("the script for bash completes a line in bash", "[front]") {
  const auto files = tree();
  const auto file = (files.folder.path / "sweep.yaml").string();
  // What readline hands over after `model=t`: '=' is a word of its own.
  const auto script = "eval \"$(" BENCH_BIN
                      "/bench -sc install=bash)\"; compopt() { :; }; "
                      "COMP_LINE='" BENCH_BIN "/bench run " +
                      file +
                      " model=t'; COMP_POINT=${#COMP_LINE}; "
                      "COMP_WORDS=(" BENCH_BIN "/bench run " +
                      file +
                      " model = t); COMP_CWORD=5; "
                      "_bench_complete; echo \"${COMPREPLY[@]}\"";
  std::ofstream(files.folder.path / "try.sh") << script;
  CHECK(run((files.folder.path / "try.sh").string(), "bash").output == "tiny\n");
}
