// Typical mistakes of users: tests/golden/config_errors/*.txt, one mistake a file, each with the
// message a user reads. BENCH_UPDATE_GOLDEN=1 writes the messages anew; read the difference.
#include <algorithm>

#include "config/schema.h"
#include "hydra/tree.h"

using namespace bench;
using bench::test::slurp;

namespace {

/// What the program would read: the schema that the composed configuration must fit.
const Schema kSchema{key("seed", 0, "seed of the run").range(0, 1e9),
                     key("ratio", 0.5, "share of weights removed").range(0, 1),
                     key("tie", "stable", "rule for equal scores").one_of({"stable", "reference"}),
                     key("tags", std::vector<std::string>{}, "free labels"),
                     optional("model", Key::Type::Map, "the network"),
                     optional("criterion", Key::Type::Map, "how weights are scored"),
                     optional("data", Key::Type::Map, "what is read"),
                     optional("task", Key::Type::Map, "what is measured"),
                     optional("out", Key::Type::String, "folder of the results")};

struct Mistake {
  std::vector<std::pair<std::string, std::string>> files;
  std::vector<std::string> overrides;
  bool multirun = false;
  std::string expected;
};

/// "--- FILE" begins a file, "--- overrides" a list of them (a line each, -m among them), and
/// "--- message" what is expected.
Mistake read(const std::filesystem::path& file) {
  Mistake mistake;
  std::istringstream in(slurp(file));
  std::string section, *text = nullptr;
  for (std::string line; std::getline(in, line);) {
    if (line.rfind("--- ", 0) == 0) {
      section = line.substr(4);
      text = nullptr;
      if (section == "message") text = &mistake.expected;
      if (section != "message" && section != "overrides")
        text = &mistake.files.emplace_back(section, "").second;
    } else if (text) {
      *text += line + "\n";
    } else if (section == "overrides") {
      if (line == "-m")
        mistake.multirun = true;
      else
        mistake.overrides.push_back(line);
    }
  }
  return mistake;
}

std::string message_of(const Mistake& mistake) {
  const bench::test::Tree tree({});
  tree.write("model/tiny.yaml", "# a toy\nname: tiny\nlayers: 4\n");
  tree.write("model/small.yaml", "name: small\nlayers: 12\n");
  tree.write("criterion/wanda.yaml", "name: wanda\n");
  tree.write("criterion/magnitude.yaml", "name: magnitude\n");
  tree.write(
      "config.yaml",
      "defaults:\n  - model: tiny\n  - criterion: wanda\n  - _self_\n\nseed: 0\nratio: 0.5\n");
  for (const auto& [name, text] : mistake.files) tree.write(name, text);
  std::string message = bench::test::error_of([&] {
    for (const auto& job : expand(tree.request(mistake.overrides, mistake.multirun)))
      kSchema.complete(job.config, "");
  });
  const auto folder = tree.folder.path.string();
  for (auto at = message.find(folder); at != std::string::npos; at = message.find(folder))
    message.replace(at, folder.size(), "configs");
  return message + "\n";
}

}  // namespace

TEST_CASE("typical mistakes give one readable message each", "[config]") {
  const auto folder = bench::test::root() / "tests" / "golden" / "config_errors";
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".txt") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  REQUIRE(files.size() >= 30);
  for (const auto& file : files) {
    CAPTURE(file.filename().string());
    const auto mistake = read(file);
    const auto message = message_of(mistake);
    if (std::getenv("BENCH_UPDATE_GOLDEN")) {
      auto text = slurp(file);
      std::ofstream(file) << text.substr(0, text.find("--- message\n")) << "--- message\n"
                          << message;
    } else {
      CHECK(message == mistake.expected);
    }
    CHECK(message.size() > 20);
  }
}
