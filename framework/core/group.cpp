#include "core/group.h"

#include <algorithm>
#include <map>

#include "base/error.h"

namespace bench {
namespace {

Tensor kept_indices(const Tensor& keep, int64_t width) {
  return keep.repeat_interleave(width).nonzero().squeeze(1);
}

/// bool along a slice's dim of its layer's matrix: what stays. Beyond the slice all of it does.
Tensor kept_along(const Slice& s, const Tensor& keep) {
  const auto size = s.layer->flat().size(s.dim);
  if (s.unit >= 0) return keep.narrow(0, s.unit, 1).expand({size});
  auto line = keep.repeat_interleave(s.width).repeat(s.stretches);
  // Whole stretches may be gone since: the heads that a channel of all heads runs through.
  if (const auto once = s.width * keep.numel();
      line.numel() > size && s.begin == 0 && once > 0 && size % once == 0)
    line = line.narrow(0, 0, size);
  require(s.begin + line.numel() <= size, "a slice lies in its layer");
  if (line.numel() == size) return line;
  return at::cat({keep.new_ones({s.begin}), line, keep.new_ones({size - s.begin - line.numel()})});
}

/// The kept part of a tensor along dim; one without storage (shapes alone) just gets shorter.
Tensor cut(const Tensor& t, int64_t dim, const Tensor& kept) {
  return t.is_meta() ? t.narrow(dim, 0, kept.numel()) : t.index_select(dim, kept.to(t.device()));
}

/// Old unit number -> new one, -1 where it went.
Tensor renumber(const Tensor& numbers, const Tensor& keep) {
  const auto values = numbers.cpu();
  const auto target =
      at::where(keep, keep.to(at::kLong).cumsum(0) - 1, at::full({}, -1, at::kLong));
  const auto taken = target.index_select(0, values.clamp_min(0));
  return at::where(values < 0, values, taken).to(numbers.device());
}

}  // namespace

int64_t Group::weights_per_unit() const {
  int64_t total = 0, of_single_units = 0;
  for (const auto& s : slices) {
    const auto m = s.layer->flat();
    (s.unit < 0 ? total : of_single_units) += s.width * s.stretches * m.size(1 - s.dim);
  }
  return total + of_single_units / std::max<int64_t>(units, 1);
}

std::vector<Slice> Group::rooted() const {
  auto all = slices;
  const auto root =
      std::find_if(all.begin(), all.end(), [](const Slice& s) { return s.dim == Slice::Out; });
  if (root != all.end()) std::rotate(all.begin(), root, root + 1);
  return all;
}

Tensor Group::gone() const {
  auto all = at::ones({units}, at::kBool);
  for (const auto& s : slices) {
    if (s.unit >= 0) {
      if (!s.layer->mask.defined() || s.layer->mask.any().item<bool>()) all[s.unit] = false;
      continue;
    }
    if (!s.layer->mask.defined()) return at::zeros({units}, at::kBool);
    const auto kept =
        s.layer->mask.any(1 - s.dim).cpu().narrow(0, s.begin, s.stretches * units * s.width);
    all = all & ~kept.reshape({s.stretches, units, s.width}).any(2).any(0);
  }
  return all;
}

std::vector<Tensor> Group::layer_masks(const Tensor& keep) const {
  std::vector<Tensor> masks;
  for (const auto& s : slices) {
    const auto m = s.layer->flat();
    const auto line = kept_along(s, keep.to(m.device()));
    masks.push_back(line.unsqueeze(1 - s.dim).expand(m.sizes()).contiguous());
  }
  return masks;
}

Tensor Group::to_channels(const Slice& s, const Tensor& along) const {
  if (s.unit >= 0) {
    auto all = at::zeros({units, unit_width}, along.options());
    all.select(0, s.unit).fill_(along.sum() / static_cast<double>(unit_width));
    return all.flatten();
  }
  const int64_t each = s.dim == Slice::In ? s.layer->columns_per_channel() : 1;
  const int64_t fold = s.width / (unit_width * each);
  return along.narrow(0, s.begin, s.stretches * s.width * units)
      .reshape({s.stretches, units, fold, unit_width, each})
      .sum({0, 2, 4})
      .flatten();
}

namespace {

/// What stays of each layer, rows and columns apart: bool along the matrix's dim.
using Kept = std::map<std::pair<Layer*, Slice::Dim>, Tensor>;
Kept kept_of_layers(const Group& group, const Tensor& units) {
  Kept all;
  for (const auto& s : group.slices) {
    auto& here = all[{s.layer, s.dim}];
    const auto line = kept_along(s, units);
    here = here.defined() ? here & line : line;
  }
  return all;
}

/// Factors and format follow the lines of the weight that a layer is left with. was: the format of
/// the weight as it stood before.
void follow(Layer& l, Slice::Dim dim, const Tensor& lines,
            const std::shared_ptr<const Format>& was) {
  if (l.low_rank.u.defined()) {
    auto& t = dim == Slice::Out ? l.low_rank.u : l.low_rank.v;
    t = t.index_select(dim, lines.to(t.device())).contiguous();
  }
  if (!was) return;
  auto now = *was;
  if (dim == Slice::In)
    now.group_of = now.group_of.index_select(0, lines.cpu());
  else if (now.scale.size(0) > 1)
    for (auto* t : {&now.scale, &now.zero}) *t = t->index_select(0, lines.cpu());
  l.describe(std::move(now));
}

std::shared_ptr<const Format> format_of(const Layer& l) {
  return l.quantised() ? l.format : nullptr;
}

void cut_layer(Layer& l, Slice::Dim dim, const Tensor& kept) {
  const auto was = format_of(l);
  const auto each = dim == Slice::In ? l.columns_per_channel() : 1;
  const auto channels = kept.reshape({-1, each}).select(1, 0).nonzero().squeeze(1);
  l.weight = cut(l.weight, dim, channels).contiguous();
  if (dim == Slice::Out && l.bias.defined()) l.bias = cut(l.bias, 0, channels);
  if (l.mask.defined()) l.mask = cut(l.mask, dim, kept.nonzero().squeeze(1));
  if (was || l.low_rank.u.defined()) follow(l, dim, kept.nonzero().squeeze(1), was);
}

}  // namespace

void shrink(const Group& group, const Tensor& keep) {
  at::NoGradGuard no_grad;
  const auto units = keep.cpu();
  for (const auto& [place, kept] : kept_of_layers(group, units))
    cut_layer(*place.first, place.second, kept);
  for (const auto& f : group.followers) {
    if (!f.values->defined() || f.kind == Follower::Zeroed) continue;
    if (f.kind == Follower::Remade) {
      *f.values = f.made(units.sum().item<int64_t>()).to(f.values->device());
      continue;
    }
    *f.values = f.kind == Follower::Index ? renumber(*f.values, units)
                                          : cut(*f.values, f.dim, kept_indices(units, f.width));
    if (f.kind == Follower::Support && f.values->all().item<bool>()) *f.values = Tensor();
  }
}

void reorder(const Group& group, const Tensor& order) {
  at::NoGradGuard no_grad;
  const auto from = order.cpu();
  const auto lines = [&](int64_t width) {
    return (from.unsqueeze(1) * width + at::arange(width)).flatten();
  };
  std::map<std::pair<Layer*, Slice::Dim>, Tensor> all;
  for (const auto& s : group.slices) {
    require(s.unit < 0, "units that own layers have no order inside one");
    auto& place = all[{s.layer, s.dim}];
    if (!place.defined()) place = at::arange(s.layer->flat().size(s.dim));
    const auto unit = lines(s.width);
    for (int64_t k = 0; k < s.stretches; ++k) {
      const auto at = s.begin + k * unit.numel();
      place.slice(0, at, at + unit.numel()).copy_(unit + at);
    }
  }
  for (const auto& [place, index] : all) {
    Layer& l = *place.first;
    const auto here = index.to(l.weight.device());
    const auto was = format_of(l);
    l.weight = l.flat().index_select(place.second, here).reshape(l.weight.sizes()).contiguous();
    if (place.second == Slice::Out && l.bias.defined()) l.bias = l.bias.index_select(0, here);
    if (l.mask.defined()) l.mask = l.mask.index_select(place.second, here).contiguous();
    follow(l, place.second, index, was);
  }
  for (const auto& f : group.followers) {
    if (!f.values->defined()) continue;
    const auto device = f.values->device();
    if (f.kind == Follower::Index) {
      const auto target = at::empty_like(from).scatter_(0, from, at::arange(from.numel()));
      const auto taken = target.to(device).index_select(0, f.values->flatten().clamp_min(0));
      *f.values = at::where(*f.values < 0, *f.values, taken.reshape(f.values->sizes()));
    } else if (f.kind != Follower::Remade) {
      *f.values = f.values->index_select(f.dim, lines(f.width).to(device));
    }
  }
}

void mask_followers(const Group& group, const Tensor& keep) {
  at::NoGradGuard no_grad;
  for (const auto& f : group.followers) {
    if (f.kind == Follower::Support) {
      const auto there = keep.repeat_interleave(f.width);
      *f.values = f.values->defined() ? f.values->logical_and(there.to(f.values->device()))
                                      : there.to(group.slices.front().layer->weight.device());
      continue;
    }
    if (!f.values->defined()) continue;
    if (f.kind == Follower::Remade) {
      const auto which = kept_indices(keep.cpu(), f.width).to(f.values->device());
      const auto anew = f.made(keep.sum().item<int64_t>()).to(f.values->device());
      *f.values = f.values->index_copy(0, which, anew);
      continue;
    }
    auto gone = ~keep.to(f.values->device()).repeat_interleave(f.width);
    for (int64_t d = f.dim + 1; d < f.values->dim(); ++d) gone = gone.unsqueeze(-1);
    if (f.kind == Follower::Plain && f.values->scalar_type() == at::kLong)
      // A map into the group (a shortcut's sources): a masked channel gets nothing through it
      // either.
      *f.values = f.values->masked_fill(gone, -1);
    else if (f.kind == Follower::Affine || f.kind == Follower::Zeroed)
      *f.values = f.values->masked_fill(gone, 0);
  }
}

bool across_blocks(const std::string& kind) {
  return kind == "hidden" || kind == "channel";
}

}  // namespace bench
