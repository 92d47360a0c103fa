#include "models/plan.h"

namespace bench {

Plan llama_plan(Source& c, const PlanKeys& keys) {
  Plan p;
  p.hidden = c.size({"hidden_size"});
  p.heads = c.size({"num_attention_heads"});
  p.kv_heads = c.get<int64_t>("num_key_value_heads", p.heads);
  p.head_dim = c.get<int64_t>("head_dim", p.hidden / p.heads);
  p.blocks = c.size({"num_hidden_layers"});
  p.max_length = c.get<int64_t>("max_position_embeddings", 2048);
  p.norm.eps = c.get<double>(keys.eps, keys.eps_default);
  p.qk_form.eps = p.norm.eps;
  p.act = activation(c.get<std::string>(keys.act, keys.act_default), c.where());
  if (!keys.rope) return p;
  p.ropes = {Rope(c, p.head_dim, {keys.theta, keys.share, 0, keys.neighbours})};
  p.rope_of.assign(static_cast<size_t>(p.blocks), 0);
  return p;
}

std::vector<bool> sliding_types(Source& c, int64_t blocks) {
  const auto types = c.get("layer_types", std::vector<std::string>());
  if (types.empty()) return {};
  if (types.size() < static_cast<size_t>(blocks)) c.refuse("layer_types");
  std::vector<bool> all;
  for (size_t i = 0; i < static_cast<size_t>(blocks); ++i) {
    if (types[i] != "sliding_attention" && types[i] != "full_attention") c.refuse("layer_types");
    all.push_back(types[i] == "sliding_attention");
  }
  return all;
}

std::vector<int64_t> windows_of(Source& c, int64_t blocks, int64_t fallback,
                                const std::function<bool(int64_t)>& slides) {
  // null is no window, an absent key transformers' default.
  const auto size = c.get<int64_t>("sliding_window", c.has("sliding_window") ? 0 : fallback);
  const auto types = sliding_types(c, blocks);
  std::vector<int64_t> all;
  for (int64_t i = 0; i < blocks; ++i) {
    const bool slid = types.empty() ? slides(i) : types[static_cast<size_t>(i)];
    all.push_back(slid ? size : 0);
  }
  return all;
}

std::vector<int64_t> late_windows(Source& c, int64_t blocks) {
  const bool on = c.get("use_sliding_window", false);
  const auto first = c.get<int64_t>("max_window_layers", 28);
  auto all = windows_of(c, blocks, 4096, [&](int64_t i) { return i >= first; });
  return on ? all : std::vector<int64_t>();
}

}  // namespace bench
