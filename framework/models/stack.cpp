#include "models/stack.h"

namespace bench {

Tensor activate(Act act, const Tensor& x) {
  switch (act) {
    case Act::Relu:
      return at::relu(x);
    case Act::Relu6:
      return x.clamp(0, 6);
    case Act::Silu:  // exponentials: vector and scalar code fall the same way for every batch
      return imagewise(x, [](const Tensor& t) { return at::silu(t); });
    case Act::HardSwish:
      return at::hardswish(x);
    case Act::Sigmoid:
      return imagewise(x, [](const Tensor& t) { return at::sigmoid(t); });
    case Act::HardSigmoid:
      return at::hardsigmoid(x);
    default:
      return x;
  }
}

Tensor Squeeze::operator()(const Tensor& x) const {
  return x * activate(gate, out(activate(act, in(x.mean({2, 3}, true)))));
}

Tensor Step::operator()(const Tensor& x, const Batch& batch) const {
  if (squeeze.in.weight.defined()) return squeeze(x);
  auto y = conv.weight.defined() ? conv(x) : depth(x);
  if (norm.weight.defined()) y = norm(y, batch);
  y = activate(act, y);
  return pool ? at::max_pool2d(y, {pool, pool}) : y;
}

Tensor Stack::block(int64_t index, const Tensor& x, const Batch& batch) const {
  if (index < static_cast<int64_t>(blocks.size())) {
    const auto& b = blocks[static_cast<size_t>(index)];
    auto y = x;
    for (const auto& s : b.steps) y = s(y, batch);
    if (b.residual) y = y + (b.detour.empty() ? x : b.detour.front()(x, batch));
    return activate(b.act, y);
  }
  auto y = grid == 1 ? x.mean({2, 3}) : grid ? at::adaptive_avg_pool2d(x, {grid, grid}) : x;
  y = y.flatten(1);
  for (size_t i = 0; i < linears.size(); ++i) {
    y = linears[i](y);
    if (i + 1 < linears.size()) y = activate(between, y);
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
      for (Layer* l : {&s.conv, &s.squeeze.in, &s.squeeze.out})
        if (l->weight.defined()) all.push_back(l);
  return all;
}

std::vector<Model::Named> Stack::tensors() {
  std::vector<Named> all;
  for (auto& b : blocks)
    for (auto* steps : {&b.steps, &b.detour})
      for (auto& s : *steps) {
        for (Layer* l : {&s.conv, &s.squeeze.in, &s.squeeze.out})
          if (l->weight.defined()) name_layer(all, *l);
        if (s.depth.weight.defined()) s.depth.name_tensors(all);
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
  std::vector<Group> inside;  // of squeezes on the way
  int64_t width = 1;          // channels that a convolution in groups ties together

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
    if (s.depth.weight.defined()) {
      s.depth.follow(group);
      width = std::max(width, s.depth.group());
    }
    if (s.norm.weight.defined()) s.norm.follow(group);
    if (s.squeeze.in.weight.defined()) pass(s.squeeze);
  }
  /// A squeeze reads the channels and writes a factor for each; its own neurons are a group.
  void pass(Squeeze& s) {
    group.slices.push_back({&s.in, Slice::In, s.in.columns_per_channel()});
    writers.push_back({&s.out, Slice::Out});
    Group g{s.out.name, "channel", group.last, group.last, s.in.rows()};
    g.slices = {{&s.out, Slice::In, s.out.columns_per_channel()}, {&s.in, Slice::Out}};
    inside.push_back(std::move(g));
  }
  void close(std::vector<Group>& all, int64_t block) {
    for (auto& g : inside) all.push_back(std::move(g));
    if (open && !group.slices.empty()) {
      group.kind = "channel";
      group.last = block;
      group.name = group.slices.front().layer->name;
      group.slices.insert(group.slices.end(), writers.begin(), writers.end());
      group.units /= width;
      for (auto& s : group.slices) s.width *= width;
      for (auto& f : group.followers) f.width *= width;
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
