// Greedy continuations, id for id.
#include <fstream>

#include "tasks/scoring.h"
#include "verify/verify.h"

namespace bench::verify {

void verify_generation(Run& run, const fs::path& file) {
  auto& loaded = run.model(file.stem().string());
  std::ifstream in(file);
  std::string line;
  int at = 0;
  const bool large = loaded.model->block_count() > 20 && !run.full();
  while (std::getline(in, line)) {
    const auto record = Json::parse(line);
    const auto theirs = record.at("output_ids").get<Sequence>();
    ++at;
    const auto count = large ? std::min<size_t>(8, theirs.size()) : theirs.size();
    const auto ours = generate_greedy(*loaded.model, record.at("prompt_ids").get<Sequence>(),
                                      static_cast<int64_t>(count));
    if (!std::equal(ours.begin(), ours.end(), theirs.begin()))
      run.fail_case("generation", file, fmt::format("line {}: other ids", at));
    else
      run.pass("generation");
  }
  if (large) run.partial("generation", file, "the first 8 tokens of each");
}

}  // namespace bench::verify
