#include "trial/why.h"

#include <algorithm>
#include <cstring>
#include <set>

namespace bench {
namespace {

/// Thrown by a Watch that has seen what it wants.
struct Enough {};

using Shown = std::vector<std::pair<std::string, std::string>>;

std::string key_of(const std::string& level, const std::string& name) {
  return level + "/" + name;
}

Shown record(const Watched& run) {
  Shown shown;
  run([&](const std::string& level, const std::string& name, const Tensor& values) {
    shown.emplace_back(key_of(level, name), value_hash(values));
  });
  return shown;
}

std::string value_text(const Tensor& t, int64_t i) {
  const auto one = t.reshape({-1})[i];
  if (t.scalar_type() == at::kBool) return one.item<bool>() ? "kept" : "pruned";
  if (t.scalar_type() == at::kDouble) return fmt::format("{}", one.item<double>());
  if (t.is_floating_point()) return fmt::format("{}", one.item<float>());
  return fmt::format("{}", one.item<int64_t>());
}

/// Number and place of the elements whose bits differ.
std::pair<int64_t, int64_t> unequal(const Tensor& a, const Tensor& b) {
  const auto size = a.element_size();
  const auto* x = static_cast<const char*>(a.const_data_ptr());
  const auto* y = static_cast<const char*>(b.const_data_ptr());
  int64_t count = 0, first = -1;
  for (int64_t i = 0; i < std::min(a.numel(), b.numel()); ++i) {
    if (std::memcmp(x + i * size, y + i * size, static_cast<size_t>(size)) == 0) continue;
    if (count++ == 0) first = i;
  }
  return {count, first};
}

std::string index_text(const std::string& level, const Tensor& t, int64_t flat) {
  std::vector<int64_t> index(static_cast<size_t>(t.dim()));
  for (size_t d = index.size(); d-- > 0;) {
    index[d] = flat % t.size(static_cast<int64_t>(d));
    flat /= t.size(static_cast<int64_t>(d));
  }
  if (index.size() == 1) return fmt::format("position {}", index[0]);
  if (index.size() == 2 && level == "logits")
    return fmt::format("position {}, id {}", index[0], index[1]);
  if (index.size() == 2) return fmt::format("row {}, column {}", index[0], index[1]);
  return fmt::format("entry [{}]", fmt::join(index, ", "));
}

/// Two runs side by side. Of A only hashes are kept while B runs; B's first parting of each level
/// is kept as it is, and A runs again up to the last of those.
class Comparison {
 public:
  Comparison(const Watched& a, const Watched& b) : run_a_(a), run_b_(b) {}

  Divergence run() {
    d_.a = record(run_a_);
    const std::map<std::string, std::string> in_a(d_.a.begin(), d_.a.end());
    run_b_([&](const std::string& level, const std::string& name, const Tensor& values) {
      d_.b.emplace_back(key_of(level, name), value_hash(values));
      auto& l = levels_[level];
      ++l.entries;
      const auto it = in_a.find(d_.b.back().first);
      if (it != in_a.end() && it->second == d_.b.back().second) return;
      if (l.differing == 0) in_b_[level] = values;
      part(level, name);
    });
    add_those_without_b();
    take_values_of_a();
    for (const auto& level : watched_levels()) finish(level);
    return std::move(d_);
  }

 private:
  void part(const std::string& level, const std::string& name) {
    auto& l = levels_[level];
    if (l.differing++ == 0) l.name = name;
    if (first_.empty()) first_ = level;
  }

  void add_those_without_b() {
    const std::map<std::string, std::string> in_b(d_.b.begin(), d_.b.end());
    for (const auto& [key, hash] : d_.a) {
      if (in_b.count(key)) continue;
      const auto slash = key.find('/');
      ++levels_[key.substr(0, slash)].entries;
      part(key.substr(0, slash), key.substr(slash + 1));
    }
  }

  void take_values_of_a() {
    std::set<std::string> wanted;
    for (const auto& [key, hash] : d_.a)
      if (const auto slash = key.find('/');
          in_b_.count(key.substr(0, slash)) &&
          levels_[key.substr(0, slash)].name == key.substr(slash + 1))
        wanted.insert(key);
    if (wanted.empty()) return;
    try {
      run_a_([&](const std::string& level, const std::string& name, const Tensor& values) {
        if (wanted.erase(key_of(level, name))) in_a_[level] = values;
        if (wanted.empty()) throw Enough();
      });
    } catch (const Enough&) {
    }
  }

  void finish(const std::string& level) {
    if (!levels_.count(level)) return;
    auto l = levels_[level];
    l.level = level;
    const auto a = in_a_.find(level), b = in_b_.find(level);
    if (l.differing > 0)
      l.place = b == in_b_.end()   ? "only in A"
                : a == in_a_.end() ? "only in B"
                                   : place_of(level, a->second, b->second);
    if (level == first_) d_.first = static_cast<int64_t>(d_.levels.size());
    d_.levels.push_back(std::move(l));
  }

  const Watched &run_a_, &run_b_;
  Divergence d_;
  std::map<std::string, LevelDivergence> levels_;
  std::map<std::string, Tensor> in_a_, in_b_;  // the values of the first parting, by level
  std::string first_;
};

}  // namespace

const std::vector<std::string>& watched_levels() {
  static const std::vector<std::string> all{"model", "tokens",  "calibration", "statistics",
                                            "mask",  "weights", "logits"};
  return all;
}

std::string place_of(const std::string& level, const Tensor& of_a, const Tensor& of_b) {
  const auto a = of_a.detach().cpu().contiguous(), b = of_b.detach().cpu().contiguous();
  if (a.scalar_type() != b.scalar_type())
    return fmt::format("{} | {}", c10::toString(a.scalar_type()), c10::toString(b.scalar_type()));
  if (a.sizes() != b.sizes() && (a.dim() != 1 || b.dim() != 1))
    return fmt::format("shape {} | {}", fmt::join(a.sizes(), "x"), fmt::join(b.sizes(), "x"));
  const auto [count, first] = unequal(a, b);
  const auto lengths =
      a.numel() == b.numel() ? "" : fmt::format("; length {} | {}", a.numel(), b.numel());
  if (first < 0) return "one is the beginning of the other" + lengths;
  return fmt::format("{}: {} | {} ({} of {} {}{})", index_text(level, a, first),
                     value_text(a, first), value_text(b, first), count,
                     std::min(a.numel(), b.numel()), level == "mask" ? "bits differ" : "differ",
                     lengths);
}

Divergence find_divergence(const Watched& a, const Watched& b) {
  return Comparison(a, b).run();
}

}  // namespace bench
