// Greedy continuations, id for id.
#include <fstream>

#include "tasks/generate.h"
#include "parity/verify.h"

namespace bench::verify {

void verify_generation(Run& run, const fs::path& file) {
  auto& loaded = run.model(file.stem().string());
  std::ifstream in(file);
  std::string line;
  int at = 0;
  const auto never = [](size_t, const Sequence&) { return false; };
  while (std::getline(in, line)) {
    const auto record = Json::parse(line);
    const auto theirs = record.at("output_ids").get<Sequence>();
    ++at;
    const auto prompt = record.at("prompt_ids").get<Sequence>();
    const auto count = static_cast<int64_t>(theirs.size());
    if (generate(*loaded.model, {prompt}, count, 1, never).front() != theirs)
      run.fail_case("generation", file, fmt::format("line {}: other ids", at));
    else
      run.pass("generation");
  }
}

}  // namespace bench::verify
