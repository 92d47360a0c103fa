#pragma once
#include "walk/pruner.h"
#include "models/checkpoint.h"
#include "data/data.h"
#include "data/images.h"
#include "test.h"
#include "tiny.h"

namespace bench::test {

/// A shipped model in its dense state, loaded once per program; tiny-<family>: one of tiny.h,
/// family-<name>: a small one of data/families.
struct Shipped {
  Checkpoint checkpoint;
  std::unique_ptr<Model> model;
  std::unique_ptr<Snapshot> dense;
};
inline Shipped& shipped(const std::string& name, at::ScalarType compute = at::kFloat) {
  static std::map<std::pair<std::string, at::ScalarType>, Shipped> all;
  auto& s = all[{name, compute}];
  if (!s.model) {
    s.checkpoint = name.starts_with("tiny-") ? tiny_checkpoint(name.substr(5))
                   : name.starts_with("family-")
                       ? read_checkpoint(root() / "data/families" / name.substr(7))
                       : read_checkpoint(root() / "data/models" / name);
    s.checkpoint.compute = compute;
    s.model = build_model(s.checkpoint);
    s.dense = std::make_unique<Snapshot>(*s.model);
  }
  s.dense->restore(*s.model);
  return s;
}

/// `count` sequences of `length` pseudo-random ids, in batches of at most `together` sequences.
inline Calibration tiny_text(int64_t count, int64_t length, int64_t together) {
  std::vector<Sequence> sequences;
  for (int64_t s = 0; s < count; ++s) {
    Sequence ids{1};
    for (int64_t i = 1; i < length; ++i) ids.push_back(3 + (s * 31 + i * i * 7) % 90);
    sequences.push_back(ids);
  }
  Calibration c;
  c.batches = text_batches(sequences, together * length);
  return c;
}

inline Calibration tiny_images(int64_t count) {
  Calibration c;
  for (int64_t i = 0; i < 2; ++i)
    c.batches.push_back(
        read_cifar((root() / "data/vision/cifar10_train2000.bin").string(), i * count, count));
  return c;
}

/// Logits of three sequences.
inline Tensor tiny_logits(const Model& model) {
  at::NoGradGuard no_grad;
  return model.forward(tiny_text(3, 20, 3).batches.front());
}

inline void mask_group(const Group& g, const Tensor& keep) {
  const auto masks = g.layer_masks(keep);
  for (size_t i = 0; i < masks.size(); ++i) g.slices[i].layer->set_mask(masks[i]);
  mask_followers(g, keep);
}

/// Cuts units away, and holds what `run` says then against what it says with them masked. Returns
/// the former.
inline Tensor cut_as_masked(const Group& g, const Tensor& keep,
                            const std::function<Tensor()>& run) {
  mask_group(g, keep);
  const auto masked = run();
  shrink(g, keep);
  auto shrunk = run();
  // 1e-5 of the largest value: sums over fewer terms round differently.
  CHECK((masked - shrunk).abs().max().item<double>() <= 1e-5 * masked.abs().max().item<double>());
  return shrunk;
}

}  // namespace bench::test
