// Recorded results of the authors' own code, and of the independent MINI-LLM.
#include "test.h"
#include "parity/verify.h"

TEST_CASE("recorded cases of structured pruning", "[criteria][shared]") {
  SKIP_WITHOUT_SHARED();
  const auto shared = bench::test::shared();
  for (const char* kind : {"mini_llm", "llm_pruner", "flap", "wanda_sp", "magnitude_sp", "shortgpt",
                           "sleb", "slicegpt"}) {
    INFO(kind);
    const auto folder = shared / "golden" / "masks" / kind;
    if (!std::filesystem::exists(folder)) continue;
    CHECK(bench::verify::verify_folder(folder, {shared / "data" / "models"}, false) == 0);
  }
}
