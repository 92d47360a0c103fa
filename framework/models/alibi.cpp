#include "models/alibi.h"

#include <cmath>

namespace bench {

Tensor alibi_slopes(int64_t heads) {
  int64_t c = 1;
  while (c * 2 <= heads) c *= 2;
  std::vector<float> slopes;
  for (int64_t i = 1; i <= c; ++i)
    slopes.push_back(static_cast<float>(std::pow(2.0, -8.0 * double(i) / double(c))));
  for (int64_t i = 0; i < heads - c; ++i)
    slopes.push_back(static_cast<float>(std::pow(2.0, -4.0 * double(2 * i + 1) / double(c))));
  return at::tensor(slopes);
}

Tensor alibi_slopes_of_more(int64_t heads) {
  int64_t more = 1;
  while (more < heads) more *= 2;
  std::vector<float> slopes;
  const auto take = [&](int64_t first, int64_t step) {
    for (int64_t h = first; h <= more && static_cast<int64_t>(slopes.size()) < heads; h += step)
      slopes.push_back(static_cast<float>(std::pow(2.0, -8.0 * double(h) / double(more))));
  };
  if (more == heads) {
    take(1, 1);
  } else {
    take(2, 2);
    take(1, 2);
  }
  return at::tensor(slopes);
}

}  // namespace bench
