#include "models/decoder.h"

namespace bench {
namespace {

void add(std::vector<Model::Named>& all, Norm& n) {
  all.push_back({n.name + ".weight", &n.weight});
  all.push_back({n.name + ".bias", &n.bias});
}

}  // namespace

std::vector<Group> Decoder::groups(const std::string& kind) {
  const bool heads = kind == "head";
  if (!heads && kind != "neuron") return {};
  std::vector<Group> all;
  for (int64_t i = 0; i < count_; ++i) {
    auto p = parts(i);
    Group g{fmt::format("block.{}.{}", i, heads ? "attn" : "mlp"), kind, i, i};
    g.slices = heads ? std::move(p.head) : std::move(p.neuron);
    const auto& root = g.slices.front();
    g.units = root.layer->matrix().size(root.dim) / (root.width * root.stretches);
    g.unit_width = heads ? head_dim_ : 1;
    if (heads) g.followers = std::move(p.head_followers);
    all.push_back(std::move(g));
  }
  return all;
}

std::vector<Model::Named> Decoder::tensors() {
  std::vector<Named> all{{embed_name_, &embed_}};
  all.insert(all.end(), outer_.begin(), outer_.end());
  for (int64_t i = 0; i < count_; ++i) {
    auto p = parts(i);
    for (Layer* l : p.layers) {
      all.push_back({l->weight_name(), &l->weight});
      all.push_back({l->name + ".bias", &l->bias});
    }
    for (Norm* n : p.norms) add(all, *n);
    all.insert(all.end(), p.others.begin(), p.others.end());
  }
  add(all, norm_);
  all.push_back({head_name_, &head_});
  return all;
}

void Decoder::take_ends(Source& source, const std::string& embed, const std::string& head,
                        bool tied) {
  embed_name_ = embed;
  head_name_ = head;
  embed_ = source.take_if(embed);
  head_ = source.take_if(head);
  // Some files store the tied matrix under the head's name alone (golden/README 6).
  if (!embed_.defined() && tied) embed_ = head_;
  if (!embed_.defined()) embed_ = source.take(embed);
  if (tied)
    head_ = Tensor();
  else if (!head_.defined())
    fail("{}: {} is missing and config.json does not tie it", source.where(), head);
}

Tensor Decoder::embedded(const Batch& batch) const {
  const auto highest = batch.ids.numel() ? batch.ids.max().item<int64_t>() : 0;
  if (highest >= embed_.size(0))
    fail("the tokenizer gave id {}, but the model has {} embeddings: they do not belong together",
         highest, embed_.size(0));
  return embed_.index_select(0, batch.ids);
}

void Decoder::check_positions(const Batch& batch) const {
  const auto longest = batch.positions.numel() ? batch.positions.max().item<int64_t>() : -1;
  if (longest >= max_length_)
    fail("a sequence of {} tokens is longer than the {} positions of this model", longest + 1,
         max_length_);
}

}  // namespace bench
