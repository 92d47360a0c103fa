#include "walk/sparsity.h"

#include <fmt/ranges.h>

#include "base/digest.h"
#include "core/residency.h"

namespace bench {

int64_t Sparsity::linear_total() const {
  int64_t n = 0;
  for (const auto& t : tensors) n += t.total;
  return n;
}

int64_t Sparsity::linear_masked() const {
  int64_t n = 0;
  for (const auto& t : tensors) n += t.masked;
  return n;
}

int64_t Sparsity::linear_zeros() const {
  int64_t n = 0;
  for (const auto& t : tensors) n += t.zeros;
  return n;
}

Sparsity measure_sparsity(Model& model) {
  Sparsity s;
  for (int64_t b = 0; b < model.block_count(); ++b)
    for (const Layer* l : model.layers(b)) {
      const auto masked = l->mask.defined() ? (~l->mask).sum().item<int64_t>() : 0;
      const auto zeros = l->low_rank.alone ? 0 : (l->weight == 0).sum().item<int64_t>();
      s.tensors.push_back({l->weight_name(), b, l->parameters(), masked, zeros});
      rest(*l);
    }
  for (const auto& t : model.tensors())
    if (t.parameter && t.tensor->defined()) s.parameters += t.tensor->numel();
  return s;
}

std::string mask_hash(Model& model) {
  Sha256 digest;
  for (const Layer* l : model.layers()) {
    if (!l->mask.defined()) continue;
    const auto mask = l->mask.cpu().contiguous();
    digest.update(fmt::format("{}|{}\n", l->weight_name(), fmt::join(mask.sizes(), ",")));
    digest.update(mask.const_data_ptr(), mask.nbytes());
    rest(l->mask);
  }
  return digest.hex();
}

std::string broken_nm(Model& model, int64_t keep, int64_t of) {
  for (const Layer* l : model.layers()) {
    if (!l->mask.defined()) return l->weight_name();
    const auto whole = l->mask.size(1) / of * of;
    if (whole == 0) continue;
    const auto groups = l->mask.slice(1, 0, whole).reshape({-1, of}).sum(1);
    if ((groups > keep).any().item<bool>()) return l->weight_name();
  }
  return "";
}

}  // namespace bench
