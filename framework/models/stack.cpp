#include "models/stack.h"

namespace bench {

Tensor Step::operator()(const Tensor& x, const Batch& batch) const {
  auto y = conv.weight.defined() ? conv(x) : depth(x);
  if (norm.weight.defined()) y = norm(y, batch);
  if (act == Relu) y = at::relu(y);
  if (act == Relu6) y = y.clamp(0, 6);
  return pool ? at::max_pool2d(y, {pool, pool}) : y;
}

Tensor Stack::block(int64_t index, const Tensor& x, const Batch& batch) const {
  if (index < static_cast<int64_t>(blocks.size())) {
    const auto& b = blocks[static_cast<size_t>(index)];
    auto y = x;
    for (const auto& s : b.steps) y = s(y, batch);
    if (!b.residual) return y;
    return y + (b.detour.empty() ? x : b.detour.front()(x, batch));
  }
  auto y = grid == 1 ? x.mean({2, 3}) : grid ? at::adaptive_avg_pool2d(x, {grid, grid}) : x;
  y = y.flatten(1);
  for (size_t i = 0; i < linears.size(); ++i) {
    y = linears[i](y);
    if (i + 1 < linears.size()) y = at::relu(y);
  }
  return y;
}

std::vector<Layer*> Stack::layers(int64_t block) {
  std::vector<Layer*> all;
  if (block == static_cast<int64_t>(blocks.size())) {
    for (auto& l : linears) all.push_back(&l);
    return all;
  }
  auto& b = blocks[static_cast<size_t>(block)];
  for (auto* steps : {&b.steps, &b.detour})
    for (auto& s : *steps)
      if (s.conv.weight.defined()) all.push_back(&s.conv);
  return all;
}

std::vector<Model::Named> Stack::tensors() {
  std::vector<Named> all;
  for (auto& b : blocks)
    for (auto* steps : {&b.steps, &b.detour})
      for (auto& s : *steps) {
        if (s.conv.weight.defined())
          name_layer(all, s.conv);
        else
          all.push_back({s.depth.name + ".weight", &s.depth.weight});
        if (s.norm.weight.defined()) s.norm.name_tensors(all);
      }
  for (auto& l : linears) name_layer(all, l);
  scale.name_tensors(all);
  return all;
}

/// The channels that flow where the walk stands: who wrote them so far, who read them.
struct Stack::Stream {
  Group group;
  bool open = false;  // false: the images' own channels, which nobody prunes
  std::vector<Slice> writers;

  void read(Layer& l) {
    if (!open) return;
    const auto in = l.weight.size(1) / group.units;  // a flattened map: so many pixels a channel
    group.slices.push_back({&l, Slice::In, in * l.columns_per_channel()});
  }
  void write(Step& s, int64_t block) {
    if (!open) group.units = s.conv.rows(), group.block = block, open = true;
    group.last = block;
    writers.push_back({&s.conv, Slice::Out});
    follow(s);
  }
  void follow(Step& s) {
    if (!open) return;
    if (!s.conv.weight.defined()) group.followers.push_back({&s.depth.weight, Follower::Plain});
    if (s.norm.weight.defined()) s.norm.follow(group);
  }
  void close(std::vector<Group>& all, int64_t block) {
    if (open && !group.slices.empty()) {
      group.kind = "channel";
      group.last = block;
      group.name = group.slices.front().layer->name;
      group.slices.insert(group.slices.end(), writers.begin(), writers.end());
      all.push_back(std::move(group));
    }
    *this = Stream();
  }
};

void Stack::walk(size_t index, Stream& stream, std::vector<Group>& all) {
  auto& b = blocks[index];
  const auto at = static_cast<int64_t>(index);
  Stream inner;
  bool fresh = true;  // no convolution of the block has run: its steps see the stream itself
  for (size_t i = 0; i < b.steps.size(); ++i) {
    auto& s = b.steps[i];
    if (!s.conv.weight.defined()) {
      (fresh ? stream : inner).follow(s);
      continue;
    }
    (fresh ? stream : inner).read(s.conv);
    const bool last = i + 1 == b.steps.size();
    if (fresh && !b.residual) stream.close(all, at);
    if (!fresh) inner.close(all, at);
    fresh = false;
    if (!last || !b.residual) {
      inner.write(s, at);
      continue;
    }
    if (!b.detour.empty()) {
      stream.read(b.detour.front().conv);
      stream.close(all, at);
      stream.write(b.detour.front(), at);
    }
    stream.write(s, at);  // added to what flows
  }
  if (!b.residual && !fresh) stream = std::move(inner);
}

std::vector<Group> Stack::groups(const std::string& kind) {
  if (kind != "channel") return {};
  std::vector<Group> all;
  Stream stream;
  for (size_t i = 0; i < blocks.size(); ++i) walk(i, stream, all);
  const auto end = static_cast<int64_t>(blocks.size());
  for (size_t i = 0; i < linears.size(); ++i) {
    stream.read(linears[i]);
    stream.close(all, end);
    if (i + 1 == linears.size()) break;
    Group g;  // neurons between two linear layers
    stream.group = g;
    stream.group.units = linears[i].rows(), stream.group.block = end, stream.open = true;
    stream.writers.push_back({&linears[i], Slice::Out});
  }
  return all;
}

}  // namespace bench
