// The corpus of what reads texts of configurations.
#include "replay.h"

#include "targets.h"

int main(int argc, char** argv) {
  using namespace bench::fuzz;
  if (argc < 2) return 2;
  const std::filesystem::path corpus = argv[1];
  const double factor = argc > 2 ? std::atof(argv[2]) : 1;
  const int bad = replay(corpus / "override", override_text, factor) +
                  replay(corpus / "yaml", yaml_text, factor) +
                  replay(corpus / "interpolation", interpolation_text, factor);
  return bad > 0 ? 1 : 0;
}
