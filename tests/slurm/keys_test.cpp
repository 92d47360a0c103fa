#include "slurm/keys.h"

#include "hydra/yaml/yaml.h"
#include "test.h"

using namespace bench;
using bench::test::contains;
using bench::test::error_of;

namespace {

Config launcher(const std::string& yaml) {
  return Config(slurm::schema().complete(load_yaml(yaml, "test"), "launcher"), "launcher");
}
std::string refused(const std::string& yaml) {
  return error_of([&] { slurm::keys_from(launcher(yaml)); });
}

}  // namespace

TEST_CASE("the launcher's keys are read, with defaults for what is not given", "[slurm_keys]") {
  const auto k = slurm::keys_from(launcher(
      "{partition: gpu, timeout_min: 90, mem_gb: 1.5, folder: out/%j/x, setup: [module load gcc], "
      "additional_parameters: {mail_type: END, exclusive: true, reservation: null, licenses: 3, "
      "no_kill: false}}"));
  CHECK(k.partition == "gpu");
  CHECK(k.timeout_min == 90);
  CHECK(k.mem_gb == 1.5);
  CHECK(k.array_parallelism == 256);
  CHECK(k.max_num_timeout == 3);
  CHECK(k.folder == (std::filesystem::current_path() / "out/%j/x").string());
  CHECK(k.setup == std::vector<std::string>{"module load gcc"});
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  CHECK(k.additional ==
        Pairs{{"mail-type", "END"}, {"exclusive", ""}, {"reservation", ""}, {"licenses", "3"}});
}

TEST_CASE("no key of the launcher is part of an id", "[slurm_keys]") {
  const auto schema = slurm::schema();
  for (const auto& key : schema.keys()) CHECK(!key.identity);
}

TEST_CASE("what the types do not say is said in a sentence with the key", "[slurm_keys]") {
  CHECK(contains(refused("{folder: out/slurm}"), "launcher.folder: 'out/slurm' holds no %j"));
  CHECK(contains(refused("{folder: out/slurm}"), "try out/slurm/%j"));
  CHECK(contains(refused("{comment: \"a\\nb\"}"), "launcher.comment: holds a line break"));
  CHECK(contains(refused("{srun_args: [\"a\\tb\"]}"), "launcher.srun_args: holds a line break"));
  CHECK(contains(refused("{signal_delay_s: 60, timeout_min: 1}"), "leave no time to work"));
  CHECK(contains(refused("{additional_parameters: {time: 5}}"),
                 "test:1: launcher.additional_parameters.time: is the key launcher.timeout_min"));
  CHECK(contains(refused("{additional_parameters: {cpus_per_task: 5}}"),
                 "is the key launcher.cpus_per_task"));
  CHECK(contains(refused("{additional_parameters: {array: 0-3}}"),
                 "is the key launcher.array_parallelism"));
  CHECK(contains(refused("{additional_parameters: {wrap: ls}}"), "is set by bench itself"));
  CHECK(contains(refused("{additional_parameters: {--qos: x}}"), "is no parameter of sbatch"));
  CHECK(contains(refused("{additional_parameters: {'x y': 1}}"), "is no parameter of sbatch"));
  CHECK(contains(refused("{additional_parameters: {mail_user: [a, b]}}"), "found a list"));
  CHECK(contains(refused("{nodes: 2}"), "launcher.nodes"));
  CHECK(contains(refused("{partitoin: x}"), "did you mean partition?"));
}
