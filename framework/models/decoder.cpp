#include "models/decoder.h"

#include <iostream>

namespace bench {
namespace {

void add(std::vector<Model::Named>& all, Norm& n) {
  if (n.name.empty()) return;
  all.push_back({n.name + ".weight", &n.weight});
  all.push_back({n.name + ".bias", &n.bias});
  all.push_back({n.name + ".alive", &n.alive, false});
  all.push_back({n.name + ".turned", &n.turned, false});
}

std::string head_bias_name(const std::string& head) {
  return head.substr(0, head.rfind('.')) + ".bias";
}

/// All of a sublayer is one unit; what only it reads or adds goes with it.
void take_whole(Group& g, const std::vector<Slice>& slices, Norm* norm) {
  std::set<std::pair<Layer*, Slice::Dim>> taken;  // several slices may share a layer
  for (const auto& s : slices) {
    if (!taken.emplace(s.layer, s.dim).second) continue;
    const auto size = s.layer->flat().size(s.dim);
    g.slices.push_back({s.layer, s.dim, size, 1, s.roles});
    if (s.dim == Slice::In && s.layer->bias.defined())
      g.followers.push_back({&s.layer->bias, Follower::Affine, s.layer->bias.size(0)});
  }
  if (!norm) return;
  for (Tensor* t : {&norm->weight, &norm->bias})
    if (t->defined()) g.followers.push_back({t, Follower::Plain, t->size(0)});
}

}  // namespace

void follow(Group& hidden, Norm& norm) {
  hidden.followers.push_back(
      {&norm.weight, Follower::Affine, 1, 0, norm.weight.defined() ? norm.name + ".weight" : ""});
  hidden.followers.push_back({&norm.bias, Follower::Affine});
  if (!norm.turned.defined()) hidden.followers.push_back({&norm.alive, Follower::Support});
}

Group Decoder::group_of(int64_t i, const std::string& kind, Parts& p) const {
  const bool heads = kind == "head";
  Group g{fmt::format("block.{}.{}", i, heads ? "attn" : "mlp"), kind, i, i};
  g.slices = heads ? std::move(p.head) : std::move(p.neuron);
  const auto& root = g.slices.front();
  g.units = heads && p.head_units > 0
                ? p.head_units
                : root.layer->flat().size(root.dim) / (root.width * root.stretches);
  g.unit_width = !heads ? 1 : p.head_dim > 0 ? p.head_dim : head_dim_;
  if (heads) g.followers = std::move(p.head_followers);
  return g;
}

Group Decoder::depth_group(int64_t i, const std::string& kind, Parts& p) const {
  const auto part = kind == "attention" ? ".attn" : kind == "mlp" ? ".mlp" : "";
  Group g{fmt::format("block.{}{}", i, part), kind, i, i, 1};
  g.at_least = 0;
  if (kind != "mlp") {
    auto all = p.head;
    all.insert(all.end(), p.attention_rest.begin(), p.attention_rest.end());
    take_whole(g, all, p.attention_norm);
    for (auto f : p.head_followers) {
      if (!f.values->defined()) continue;
      f.width = f.values->size(0);
      g.followers.push_back(f);
    }
    for (Tensor* t : p.attention_own)
      if (t->defined()) g.followers.push_back({t, Follower::Plain, t->size(0)});
  }
  if (kind != "attention") {
    take_whole(g, p.experts ? p.experts->whole() : p.neuron, p.mlp_norm);
    if (p.experts)
      for (auto& f : p.experts->whole_followers()) g.followers.push_back(std::move(f));
  }
  if (kind == "block") take_whole(g, {}, p.shared_norm);
  return g;
}

std::vector<std::array<Tensor, 2>>& Decoder::edges() {
  edges_.resize(static_cast<size_t>(count_));
  return edges_;
}

void Decoder::follow_edges(Group& g) {
  for (size_t i = 0; i < edges_.size(); ++i)
    for (size_t which : {0u, 1u}) {
      g.followers.push_back({&edges_[i][which], Follower::Affine, 1, 1});
      const bool last = i + 1 == edges_.size() && which == 1;
      if (!last) g.followers.push_back({&edges_[i][which], Follower::Affine, 1, 0});
    }
}

std::vector<Group> Decoder::hidden_group() {
  const auto first = parts(0);
  const auto& reader = first.readers.empty() ? *first.head[0].layer : *first.readers[0];
  Group g{"hidden", "hidden", 0, count_ - 1, reader.columns()};
  const bool turned = norm_.turned.defined();  // then the head keeps its width
  for (int64_t i = 0; i < count_; ++i) {
    auto p = parts(i);
    std::vector<std::pair<Layer*, Slice::Dim>> stream;
    for (Layer* l : p.readers) stream.emplace_back(l, Slice::In);
    for (Layer* l : p.writers) stream.emplace_back(l, Slice::Out);
    if (stream.empty())
      for (const auto* sublayer : {&p.head, &p.neuron})
        for (const auto& s : *sublayer)
          stream.emplace_back(s.layer, s.dim == Slice::Out ? Slice::In : Slice::Out);
    for (const auto& [layer, dim] : stream) {
      if (turned && i + 1 == count_ && !p.neuron.empty() && layer == p.neuron.back().layer)
        continue;
      g.slices.push_back({layer, dim});
      if (dim == Slice::Out) g.followers.push_back({&layer->bias, Follower::Zeroed});
    }
    if (p.experts)
      for (auto& f : p.experts->stream_followers()) g.followers.push_back(std::move(f));
    for (Norm* n : p.norms) follow(g, *n);
    for (auto& f : p.stream_followers) g.followers.push_back(std::move(f));
  }
  const auto head = head_.defined() ? head_name_ : std::string();
  if (!norm_.name.empty() && !turned) follow(g, norm_);
  // Others are projected to its width.
  if (embed_.defined() && embed_.size(1) == g.units)
    g.followers.push_back({&embed_, Follower::Affine, 1, 1, embed_name_, true});
  if (head_.defined() && head_.size(1) == g.units && !turned)
    g.followers.push_back({&head_, Follower::Affine, 1, 1, head});
  if (turned) follow_edges(g);
  for (auto& f : outer_hidden()) g.followers.push_back(std::move(f));
  return {g};
}

void Decoder::width_groups(int64_t i, const std::string& kind, std::vector<Group>& all) {
  auto p = parts(i);
  if (p.head.empty()) return;  // a block between two stages
  if (kind == "head") {
    if (there(*p.head[1].layer)) all.push_back(group_of(i, kind, p));
  } else if (p.experts && p.experts->any()) {
    if (kind == "neuron") p.experts->neuron_groups(i, all);
    if (kind == "expert" && p.experts->experts() > 0) all.push_back(p.experts->expert_group(i));
  } else if (!p.experts && kind == "neuron" && mlp_there(p)) {
    all.push_back(group_of(i, kind, p));
  }
}

std::vector<Group> Decoder::groups(const std::string& kind) {
  if (kind == "hidden") return hidden_group();
  const bool depth = kind == "attention" || kind == "mlp" || kind == "block";
  std::vector<Group> all;
  for (int64_t i = 0; i < count_; ++i) {
    if (!depth) {
      width_groups(i, kind, all);
      continue;
    }
    auto p = parts(i);
    if (p.head.empty()) continue;
    // A removed sublayer has no units left.
    const bool attention = kind == "mlp" || there(*p.head[1].layer);
    const bool mlp = kind == "attention" || mlp_there(p);
    if (attention && mlp) all.push_back(depth_group(i, kind, p));
  }
  return all;
}

std::vector<Layer*> Decoder::layers(int64_t block) {
  auto p = parts(block);
  if (p.experts)
    for (Layer* l : p.experts->layers()) p.layers.push_back(l);
  return p.layers;
}

std::vector<Model::Named> Decoder::tensors() {
  std::vector<Named> all;
  if (!embed_name_.empty()) all.push_back({embed_name_, &embed_});
  all.insert(all.end(), outer_.begin(), outer_.end());
  for (int64_t i = 0; i < count_; ++i) {
    auto p = parts(i);
    for (Layer* l : p.layers) name_layer(all, *l);
    for (Norm* n : p.norms) add(all, *n);
    all.insert(all.end(), p.others.begin(), p.others.end());
    if (p.experts) p.experts->name_tensors(all);
  }
  add(all, norm_);
  if (!head_name_.empty()) all.push_back({head_name_, &head_});
  if (head_bias_.defined()) all.push_back({head_bias_name(head_name_), &head_bias_});
  for (int64_t i = 0; i < count_; ++i)
    for (size_t which : {0u, 1u})
      all.push_back({fmt::format("edge.{}.{}", i, which ? "mlp" : "attention"),
                     &edges()[static_cast<size_t>(i)][which]});
  return all;
}

Stream Decoder::stream() {
  const auto why = fixed_stream();
  if (!why.empty() || norm_.name.empty())
    fail("slicegpt: the residual stream of this model cannot be turned: {}",
         why.empty() ? "it has no final norm" : why);
  Stream s;
  s.embeddings = {&embed_};
  for (const auto& f : outer_hidden())
    if (f.embedding) s.embeddings.push_back(f.values);
  s.head = &head_;
  const auto place = [](Norm& n) {
    Junction j;
    j.scale = &n.weight, j.shift = &n.bias, j.turned = &n.turned, j.rms = n.rms;
    return j;
  };
  Layer* writer = nullptr;
  Tensor* edge = nullptr;
  const auto read = [&](Norm& n, const std::vector<Slice>& sublayer) {
    auto j = place(n);
    if (writer) j.writers = {writer};
    j.edge = edge;
    for (const auto& slice : sublayer)
      if (slice.dim == Slice::Out) {  // several slices may share a layer
        if (j.readers.empty() || j.readers.back() != slice.layer) j.readers.push_back(slice.layer);
      } else
        writer = slice.layer;
    s.junctions.push_back(std::move(j));
  };
  for (int64_t i = 0; i < count_; ++i) {
    auto p = parts(i);
    auto& e = edges()[static_cast<size_t>(i)];
    read(*p.attention_norm, p.head);
    edge = &e[0];
    read(*p.mlp_norm, p.neuron);
    s.junctions.back().silenced = writer;
    edge = &e[1];
  }
  auto last = place(norm_);
  last.writers = {writer}, last.edge = edge;
  s.junctions.push_back(std::move(last));
  return s;
}

void Decoder::take_ends(Source& source, const std::string& embed, const std::string& head,
                        bool tied) {
  embed_name_ = embed;
  head_name_ = head;
  embed_ = source.take_if(embed);
  head_ = source.take_if(head);
  const bool said = source.has("tie_word_embeddings");
  tied = source.get("tie_word_embeddings", tied);
  // Some files store the tied matrix under the head's name alone (golden/README 6).
  if (!embed_.defined() && tied) embed_ = head_;
  if (!embed_.defined()) embed_ = source.take(embed);
  source.agree("vocab_size", embed_.size(0), embed);
  if (!head_.defined()) {
    if (said && !tied)
      fail("{}: {} is missing and config.json does not tie it", source.where(), head);
    return;
  }
  if (!tied) return;
  if (head_.is_meta() || embed_.is_meta() || head_.equal(embed_))
    head_ = Tensor();
  else
    std::cerr << fmt::format(
        "bench: {}: config.json ties the head to the embedding, and {} is another matrix: the "
        "stored one is used, as transformers does\n",
        source.where(), head);
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
