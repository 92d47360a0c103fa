#include "slurm/queue.h"

#include "test.h"

using namespace bench;
using bench::test::contains;
using bench::test::error_of;

TEST_CASE("squeue's lines are read", "[queue]") {
  // As squeue 22.05 wrote them.
  const auto all = slurm::parse_queue(
      "4|2|PENDING|0:00|JobArrayTaskLimit\n5|N/A|PENDING|0:00|Dependency\n4|0|RUNNING|1-02:00:03|"
      "None\n\n9|11|PENDING|0:00|Resources|x\n");
  REQUIRE(all.size() == 4);
  CHECK(all[0].job == 4);
  CHECK(all[0].element == 2);
  CHECK(all[0].state == "PENDING");
  CHECK(all[0].reason == "JobArrayTaskLimit");
  CHECK(all[1].element == -1);
  CHECK(all[2].time == "1-02:00:03");
  CHECK(all[3].reason == "Resources|x");
  CHECK(slurm::parse_queue("").empty());
}

TEST_CASE("a line that is not understood does not pass for an empty queue", "[queue]") {
  for (const char* line :
       {"slurm_load_jobs error: Unable to contact", "4|x|RUNNING|0:00|None", "|0|RUNNING|0:00|None",
        "4|0||0:00|None", "4|0|RUNNING", "99999999999999999999|0|RUNNING|0:00|None"})
    CHECK(contains(error_of([&] { slurm::parse_queue(line); }), "squeue said '"));
}

TEST_CASE("sbatch's answer is a job's id", "[queue]") {
  CHECK(slurm::parse_job("12\n") == 12);
  CHECK(slurm::parse_job("12;cluster\n") == 12);
  CHECK(slurm::parse_job("12") == 12);
  for (const char* none : {"", "Submitted batch job 12", "-1", "x"})
    CHECK(contains(error_of([&] { slurm::parse_job(none); }), "which is no job's id"));
}

TEST_CASE("a program's output, errors and code come back apart", "[queue]") {
  const auto said = slurm::call({"sh", "-c", "echo out; echo wrong >&2; exit 3"});
  CHECK(said.code == 3);
  CHECK(said.out == "out\n");
  CHECK(said.errors == "wrong\n");
  CHECK(slurm::call({"no-such-program-at-all"}).code == 127);
  CHECK(slurm::call({"sh", "-c", "kill -9 $$"}).code == 137);
  // More than a pipe holds, on both.
  const auto much =
      slurm::call({"sh", "-c", "head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2"});
  CHECK(much.out.size() == 300000);
  CHECK(much.errors.size() == 300000);
}
