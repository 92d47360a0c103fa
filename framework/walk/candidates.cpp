#include "walk/candidates.h"

#include "base/error.h"

namespace bench {

std::vector<Layer*> Candidate::layers() const {
  if (layer) return {layer};
  std::vector<Layer*> all;
  for (const auto& s : group.slices) all.push_back(s.layer);
  return all;
}

std::vector<Candidate> candidates(Model& model, const Pattern& pattern) {
  std::vector<Candidate> all;
  if (pattern.kind == Pattern::Structured) {
    for (auto& g : prunable_groups(model, pattern)) {
      const auto block = g.block;
      all.push_back({nullptr, std::move(g), block});
    }
    return all;
  }
  for (int64_t b = 0; b < model.block_count(); ++b)
    for (Layer* l : model.layers(b)) all.push_back({l, {}, b});
  return all;
}

void check_whole(const std::vector<Candidate>& all) {
  for (const auto& c : all)
    for (const Layer* l : c.layers())
      if (l->low_rank.u.defined())
        fail(
            "{}: was split into factors, which no criterion scores: prune first, and put the stage "
            "that splits it behind (after: ...)",
            l->name);
}

std::vector<Part> parts_of(const std::vector<Candidate>& candidates) {
  std::vector<Part> parts;
  for (const auto& c : candidates) {
    Part p;
    p.block = c.block;
    if (c.layer) {
      p.name = c.layer->name;
      p.shape = c.layer->weight.sizes().vec();
      p.size = c.layer->weight.numel();
      p.layer = c.layer;
    } else {
      p.name = c.group.name;
      p.shape = {c.group.units};
      p.size = c.group.units;
      p.group = &c.group;
      p.weight = static_cast<double>(c.group.weights_per_unit());
      p.kind = c.group.kind;
      p.unit_width = c.group.unit_width;
      p.at_least = c.group.at_least;
    }
    parts.push_back(std::move(p));
  }
  return parts;
}

}  // namespace bench
