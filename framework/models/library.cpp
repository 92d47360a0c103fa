#include "models/library.h"

namespace bench {

void LibraryCheckpoint::rename_ends(const std::string& end, const std::string& to) {
  TensorMap renamed;
  for (const auto& [name, tensor] : checkpoint.tensors)
    renamed.emplace(name.ends_with(end) ? name.substr(0, name.size() - end.size()) + to : name,
                    tensor);
  checkpoint.tensors = std::move(renamed);
}

Patches take_patches(Source& c, const std::string& name) {
  Patches p;
  p.conv.name = name;
  p.conv.weight = c.take(name + ".weight");
  p.conv.bias = c.take_if(name + ".bias");
  const auto& w = p.conv.weight;
  if (w.dim() != 4 || w.size(2) != w.size(3))
    fail("{}: {}.weight holds no square patches", c.where(), name);
  p.conv.stride = w.size(2);
  return p;
}

std::vector<Follower> Patches::followers() {
  return {{&conv.weight, Follower::Affine, 1, 0, conv.weight_name()},
          {&conv.bias, Follower::Affine}};
}

}  // namespace bench
