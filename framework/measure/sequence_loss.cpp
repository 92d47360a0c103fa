#include "measure/sequence_loss.h"

namespace bench {
namespace {
constexpr int64_t kScored = 256;  // rows of logits that are held in float64 at a time
}

double sequence_loss(const Model& model, const Tensor& hidden, const Batch& one) {
  double sum = 0;
  const int64_t n = hidden.size(0) - 1;
  for (int64_t at = 0; at < n; at += kScored) {
    const auto rows = std::min(kScored, n - at);
    const auto logits = model.head(hidden.narrow(0, at, rows), one).to(at::kDouble);
    const auto next = one.ids.narrow(0, at + 1, rows).unsqueeze(1);
    sum += (logits.logsumexp(1) - logits.gather(1, next).squeeze(1)).sum().item<double>();
  }
  return sum / static_cast<double>(n);
}

}  // namespace bench
