#include "formats/state_dict.h"

#include <algorithm>

#include "base/error.h"

namespace bench {
namespace {

constexpr int kDeepest = 4;  // wrappers around wrappers; a ring ends here

struct Found {
  std::string path;
  const PickleNode* dict;
};

bool holds_tensor(const PickleNode& dict, const std::function<bool(const PickleNode&)>& is_tensor) {
  for (size_t i = 1; i < dict.items.size(); i += 2)
    if (dict.items[i - 1]->kind == PickleNode::Text && is_tensor(*dict.items[i])) return true;
  return false;
}

void collect(const PickleNode& dict, const std::string& path, int depth,
             const std::function<bool(const PickleNode&)>& is_tensor, std::vector<Found>& all) {
  if (dict.kind != PickleNode::Dict || depth > kDeepest) return;
  if (holds_tensor(dict, is_tensor)) {
    all.push_back({path, &dict});
    return;
  }
  for (size_t i = 0; i + 1 < dict.items.size(); i += 2) {
    const auto& key = *dict.items[i];
    // Moments of an optimizer are tensors of the same shapes under numbers and names of its own.
    if (key.kind != PickleNode::Text || key.text.find("optim") != std::string::npos) continue;
    collect(*dict.items[i + 1], path.empty() ? key.text : path + "." + key.text, depth + 1,
            is_tensor, all);
  }
}

}  // namespace

const PickleNode& find_state_dict(const PickleNode& root,
                                  const std::function<bool(const PickleNode&)>& is_tensor,
                                  const std::string& where) {
  std::vector<Found> all;
  collect(root, "", 0, is_tensor, all);
  if (all.empty()) fail("{}: holds no state dict: no dictionary of named tensors", where);
  if (all.size() == 1) return *all[0].dict;
  for (const std::string name :
       {"state_dict", "model_state_dict", "model", "net", "network", "weights", "params", "module",
        "ema", "state_dict_ema", "model_ema", "ema_state_dict", "params_ema"})
    for (const auto& f : all)
      if (f.path == name || f.path == name + ".state_dict") return *f.dict;
  std::string names;
  for (const auto& f : all) names += (names.empty() ? "" : ", ") + f.path;
  fail(
      "{}: holds {} state dicts ({}), and it cannot be told which one is the model; save that one "
      "alone",
      where, all.size(), names);
}

std::string unwrapped_name(const std::string& name) {
  std::string out;
  for (size_t at = 0; at <= name.size();) {
    const auto end = std::min(name.find('.', at), name.size());
    const auto word = name.substr(at, end - at);
    if (word != "module" && word != "_orig_mod") out += (out.empty() ? "" : ".") + word;
    at = end + 1;
  }
  return out;
}

}  // namespace bench
