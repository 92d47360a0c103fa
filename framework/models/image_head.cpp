#include "models/image_head.h"

namespace bench {

Tensor ImageHead::operator()(const Tensor& x, const Batch& batch) const {
  auto y = pools ? x.mean({2, 3}) : x;
  for (const auto& u : tower) y = at::relu(u(y, batch));
  if (outs.size() == 1) return outs.front()(y);
  std::vector<Tensor> all;
  for (const auto& l : outs) all.push_back(l(y));
  return at::cat(all, 1);
}

std::vector<Layer*> ImageHead::layers() {
  std::vector<Layer*> all;
  for (auto& u : tower) all.push_back(&u.conv);
  for (auto& l : outs) all.push_back(&l);
  return all;
}

std::vector<Layer*> ImageHead::readers() {
  if (!tower.empty()) return {&tower.front().conv};
  return layers();
}

std::vector<Group> ImageHead::groups(int64_t block) {
  std::vector<Group> all;
  for (size_t i = 0; i < tower.size(); ++i) {
    auto& [writer, norm, grouped] = tower[i];
    Group g{writer.name, "channel", block, block};
    g.units = writer.rows();
    const auto reads = [&](Layer& l) {
      g.slices.push_back({&l, Slice::In, l.columns_per_channel()});
    };
    if (i + 1 < tower.size())
      reads(tower[i + 1].conv);
    else
      for (auto& l : outs) reads(l);
    g.slices.push_back({&writer, Slice::Out});
    norm.follow(g);
    all.push_back(std::move(g));
  }
  return all;
}

void ImageHead::name_tensors(std::vector<Model::Named>& all) {
  for (auto& u : tower) {
    name_layer(all, u.conv);
    if (u.norm.weight.defined()) u.norm.name_tensors(all);
  }
  for (auto& l : outs) name_layer(all, l);
}

ImageHead take_head(const Checkpoint& c, const std::string& linear) {
  ImageHead head;
  if (!c.take_if("detect.cls.weight").defined()) {
    head.outs = {take_layer(c, linear)};
    if (head.outs.front().weight.dim() != 2)
      fail("{}: {} is no linear layer", c.folder.string(), linear);
    return head;
  }
  head.pools = false;
  for (int i = 1;; ++i) {
    const auto conv = fmt::format("detect.conv{}", i), norm = fmt::format("detect.bn{}", i);
    if (!c.take_if(conv + ".weight").defined()) break;
    head.tower.push_back({take_conv(c, conv), {}, {}});
    if (c.take_if(norm + ".weight").defined()) head.tower.back().norm = take_norm(c, norm);
  }
  head.outs = {take_conv(c, "detect.cls"), take_conv(c, "detect.box")};
  if (head.outs.back().rows() != 4)
    fail("{}: detect.box gives {} values a cell; a box has 4 sides", c.folder.string(),
         head.outs.back().rows());
  return head;
}

}  // namespace bench
