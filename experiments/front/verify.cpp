// verify and conform: programs of their own, built where they are first asked for.
#include "front/verbs.h"

namespace bench::front {

int verify(const Options& options) {
  std::vector<std::string> words{options.arguments[0]};
  for (const auto& models : options.all("--models")) {
    words.emplace_back("--models");
    words.push_back(models);
  }
  if (options.has("--full")) words.emplace_back("--full");
  return hand_over(words, "bench-parity");
}

int conform(const Options& options) {
  return hand_over({"conform", options.arguments[0]}, "bench-conform");
}

}  // namespace bench::front
