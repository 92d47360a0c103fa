#pragma once
#include "models/source.h"
#include "models/vision.h"

namespace bench {

/// Who wrote a checkpoint of a network of images: it decides names and what config.json holds.
enum class Library { Transformers, Timm, Torchvision };

/// A checkpoint of a network of images as a Source reads it. transformers' config.json is obeyed
/// key for key; of timm and torchvision it is what the constructor was given.
struct LibraryCheckpoint {
  Library library;
  Checkpoint checkpoint;

  LibraryCheckpoint(const Checkpoint& c, Library l)
      : library(l), checkpoint(l == Library::Transformers ? c : constructor_arguments(c)) {}
  /// Another name for each tensor that ends so.
  void rename_ends(const std::string& end, const std::string& to);
};

/// Builds a model and holds everything in the checkpoint against what was read. `c`: the
/// checkpoint as it was loaded. `buffers`: Source::finish.
template <class Family>
std::unique_ptr<Model> build_from(const Checkpoint& c, LibraryCheckpoint& from,
                                  const std::vector<std::string>& buffers = {}) {
  Source source(from.checkpoint);
  source.inert({"image_mean",
                "image_std",
                "strides",
                "global_pool",
                "image_size",
                "img_size",
                "patch_size",
                "in_chans",
                "num_channels",
                "num_classes",
                "encoder_stride",
                "pooler_output_size",
                "pooler_act",
                "drop_rate",
                "pos_drop_rate",
                "patch_drop_rate",
                "proj_drop_rate",
                "attn_drop_rate",
                "stochastic_depth_prob",
                "out_features",
                "out_indices",
                "stage_names"});
  auto model = std::make_unique<Family>(c, source, from.library);
  auto unread = buffers;
  unread.insert(unread.end(), {"image_mean", "image_std"});
  source.finish(unread);
  for (const auto& [name, tensor] : c.tensors) c.taken_.insert(name);
  return model;
}

/// Square patches of images as rows of an embedding: a convolution as wide as its stride.
struct Patches {
  Layer conv;  // no prunable layer
  /// images [n, c, h, w] -> [n, hidden, h / p, w / p]
  Tensor operator()(const Tensor& images) const { return conv(images); }
  void name_tensors(std::vector<Model::Named>& all) { name_layer(all, conv); }
  /// Its filters run along the residual stream.
  std::vector<Follower> followers();
};
Patches take_patches(Source& c, const std::string& name);

}  // namespace bench
