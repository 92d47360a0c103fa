#include "slurm/script.h"

#include "front/program.h"
#include "test.h"

using namespace bench;
using bench::test::contains;
using bench::test::TempDir;

namespace {

slurm::Keys keys() {
  slurm::Keys k;
  k.timeout_min = 30;
  k.cpus_per_task = 2;
  k.nodes = 1;
  k.array_parallelism = 256;
  k.signal_delay_s = 120;
  k.folder = "/shared/out/%j";
  k.name = "bench";
  return k;
}
const slurm::Programs kPrograms{"/opt/bench", "/opt/bench-engine", "/home/me", {}};

/// The script run by bash beside programs that stand for Slurm's; what they were told, in order.
struct Played {
  int code;
  std::string told;
};
Played played(slurm::Keys k, const std::string& srun, const std::string& meanwhile = "") {
  const TempDir dir;
  const auto at = dir.path.string();
  const auto stand_in = [&](const std::string& name, const std::string& script) {
    std::ofstream(dir.path / name) << "#!/bin/bash\n" << script << "\n";
    std::filesystem::permissions(dir.path / name, std::filesystem::perms::owner_all);
  };
  stand_in("srun", "echo srun \"$@\" >> " + at + "/told\n" + srun);
  for (const std::string name : {"scontrol", "scancel"})
    stand_in(name, "echo " + name + " \"$@\" >> " + at + "/told");
  std::ofstream(dir.path / "job.sh") << slurm::element_script(k, 4, kPrograms);
  std::ofstream(dir.path / "play.sh")
      << "export PATH=" << at << ":$PATH SLURM_JOB_ID=70 SLURM_ARRAY_JOB_ID=70 "
      << "SLURM_ARRAY_TASK_ID=3\nbash " << at << "/job.sh & job=$!\n"
      << meanwhile << "\nwait $job; exit $?\n";
  const auto ran = bench::test::run(at + "/play.sh", "/bin/bash");
  return {ran.code, bench::test::slurp(dir.path / "told")};
}

}  // namespace

TEST_CASE("the batch script says what the keys say", "[script]") {
  auto k = keys();
  auto text = slurm::element_script(k, 4, kPrograms);
  for (const char* line :
       {"#!/bin/bash\n", "#SBATCH --array=0-3\n", "#SBATCH --job-name=bench\n",
        "#SBATCH --time=30\n", "#SBATCH --nodes=1\n", "#SBATCH --ntasks=1\n",
        "#SBATCH --cpus-per-task=2\n", "#SBATCH --signal=B:USR1@120\n", "#SBATCH --requeue\n",
        "#SBATCH --open-mode=append\n", "#SBATCH --chdir=/home/me\n",
        "#SBATCH --output=/shared/out/%A/element-%a.log\n",
        "#SBATCH --error=/shared/out/%A/element-%a.err\n",
        "folder='/shared/out/'\"$SLURM_ARRAY_JOB_ID\"''\n"})
    CHECK(contains(text, line));
  for (const char* absent : {"partition", "gpus", "mem", "qos", "gres", "comment"})
    CHECK(!contains(text, std::string("--") + absent));
  k.array_parallelism = 2;
  k.partition = "gpu";
  k.gpus_per_node = 1;
  k.mem_gb = 1.5;
  k.gres = "gpu:a100:1";
  k.comment = "a \"b\" \\ #c";
  k.stderr_to_stdout = true;
  k.additional = {{"mail-type", "END"}, {"exclusive", ""}};
  k.setup = {"module load gcc", "ulimit -c 0"};
  k.folder = "/shared/50%/%j";
  text = slurm::element_script(k, 4, kPrograms);
  for (const char* line :
       {"#SBATCH --array=0-3%2\n", "#SBATCH --partition=gpu\n", "#SBATCH --gpus-per-node=1\n",
        "#SBATCH --mem=1536M\n", "#SBATCH --gres=gpu:a100:1\n",
        "#SBATCH --comment=\"a \\\"b\\\" \\\\ #c\"\n", "#SBATCH --mail-type=END\n",
        "#SBATCH --exclusive\n", "\nmodule load gcc\nulimit -c 0\n",
        "#SBATCH --output=/shared/50%%/%A/element-%a.log\n"})
    CHECK(contains(text, line));
  CHECK(!contains(text, "--error"));
  CHECK(slurm::folder_of(k, 12) == "/shared/50%/12");
}

TEST_CASE("the job that merges takes no cards and comes once", "[script]") {
  auto k = keys();
  k.gpus_per_node = 2;
  k.partition = "gpu";
  k.mem_gb = 100;
  const auto text = slurm::merge_script(k, "/shared/out/12", "/home/me/it's.db", kPrograms);
  CHECK(contains(text, "#SBATCH --job-name=bench-merge\n"));
  CHECK(contains(text, "#SBATCH --partition=gpu\n"));
  CHECK(contains(text, "[ -e '/shared/out/12/merged' ] && exit 0\n"));
  CHECK(contains(text, "'/opt/bench' merge '/home/me/it'\\''s.db' '/shared/out/12'/shard-*.db &&"));
  CHECK(!contains(text, "gpus"));
  CHECK(!contains(text, "--mem"));
  CHECK(!contains(text, "--array"));
}

TEST_CASE("the element goes back into the queue where its program asks for it", "[script]") {
  const auto again = played(keys(), "exit 75");
  CHECK(again.code == 75);
  CHECK(again.told ==
        "srun --unbuffered --ntasks=1 --cpus-per-task=2 /opt/bench-engine element /shared/out/70 "
        "3\nscontrol requeue 70_3\n");
  CHECK(contains(played(keys(), "exit 76").told, "scancel 70\n"));
  for (const int code : {0, 1, 2, 143}) {
    const auto over = played(keys(), "exit " + std::to_string(code));
    CHECK(over.code == code);
    CHECK(!contains(over.told, "requeue"));
    CHECK(!contains(over.told, "scancel"));
  }
}

TEST_CASE("a warning reaches the work, and its answer counts", "[script]") {
  const std::string work =
      "trap 'echo warned >> $(dirname $0)/told; sleep 0.3; exit 75' USR1; "
      "for i in $(seq 100); do sleep 0.05; done";
  const auto warned = played(keys(), work, "sleep 0.5; kill -USR1 $job");
  CHECK(warned.code == 75);
  CHECK(contains(warned.told, "warned\nscontrol requeue 70_3\n"));
  const auto ended =
      played(keys(), "trap 'exit 143' TERM; for i in $(seq 100); do sleep 0.05; done",
             "sleep 0.5; kill -TERM $job");
  CHECK(ended.code == 143);
  CHECK(!contains(ended.told, "requeue"));
}

TEST_CASE("a warning during the setup reaches the work that follows", "[script]") {
  auto k = keys();
  k.setup = {"sleep 1"};
  const auto warned = played(k, "trap 'exit 75' USR1; for i in $(seq 200); do sleep 0.05; done",
                             "sleep 0.3; kill -USR1 $job");
  CHECK(warned.code == 75);
  CHECK(contains(warned.told, "scontrol requeue 70_3\n"));
}

TEST_CASE("a warning before the work can listen is no end, but not for ever", "[script]") {
  auto k = keys();
  k.max_num_timeout = 2;
  CHECK(contains(played(k, "kill -USR1 $$").told, "scontrol requeue 70_3\n"));
  k.setup = {"export SLURM_RESTART_COUNT=3"};
  const auto last = played(k, "kill -USR1 $$");
  CHECK(!contains(last.told, "requeue"));
  CHECK(last.code == 138);
}

TEST_CASE("words and the environment reach the job as they are", "[script]") {
  auto k = keys();
  k.srun_args = {"--export=ALL", "it's $HOME"};
  auto programs = kPrograms;
  programs.environment = {{"BENCH_HOME", "/a b/$c"}};
  const auto text = slurm::element_script(k, 1, programs);
  CHECK(contains(text, "#SBATCH --array=0-0\n"));
  CHECK(contains(text, "export BENCH_HOME='/a b/$c'\n"));
  CHECK(contains(text, "'--export=ALL' 'it'\\''s $HOME' '/opt/bench-engine'"));
  CHECK(contains(played(k, "exit 0").told, "--export=ALL it's $HOME /opt"));
}
