// Rotary embedding: frequencies by the config's words, tables, rotation.
#include <cmath>

#include "models/source.h"

namespace bench {
namespace {

double number(const nlohmann::json& j, const char* key, double fallback, const std::string& where) {
  const auto it = j.find(key);
  if (it == j.end() || it->is_null()) return fallback;
  if (!it->is_number()) fail("{}: {} must be a number, not {}", where, key, it->dump());
  return it->get<double>();
}

/// A factor by which frequencies are divided.
double divisor(const nlohmann::json& s, double fallback, const std::string& where) {
  const double factor = number(s, "factor", fallback, where);
  if (!(factor > 0))
    fail("{}: the factor {} of the rotary embedding is not above 0", where, factor);
  return factor;
}

/// llama3 scaling (golden/README 1): long wavelengths are divided by the factor, short ones kept.
Tensor scale_llama3(const Tensor& f, const nlohmann::json& s, const std::string& where) {
  const double factor = divisor(s, 8, where), low = number(s, "low_freq_factor", 1, where);
  const double high = number(s, "high_freq_factor", 4, where);
  const double length = number(s, "original_max_position_embeddings", 8192, where);
  const auto wave = 2 * M_PI / f;
  const auto smooth = (length / wave - low) / (high - low);
  const auto middle = (1 - smooth) * f / factor + smooth * f;
  auto out = at::where(wave > length / low, f / factor, f);
  const auto between = (wave <= length / low) & (wave >= length / high);
  return at::where(between, middle, out);
}

/// longrope with the same factors at every length: what a GGUF file stores as rope_freqs.
Tensor fixed_factors(const nlohmann::json& s, int64_t count, const std::string& where) {
  const auto list = s.value("long_factor", nlohmann::json());
  const bool plain = list.is_array() && list == s.value("short_factor", nlohmann::json()) &&
                     number(s, "attention_factor", 0, where) == 1;
  if (!plain || static_cast<int64_t>(list.size()) != count)
    fail(
        "{}: longrope is read with equal short_factor and long_factor of {} numbers and an "
        "attention_factor of 1",
        where, count);
  std::vector<float> factors;
  for (const auto& f : list) {
    if (!f.is_number() || !(f.get<double>() > 0))
      fail("{}: a factor of longrope is not above 0", where);
    factors.push_back(f.get<float>());
  }
  return at::tensor(factors, at::kFloat);
}

}  // namespace

Rope::Rope(Source& source, int64_t head_dim, double theta, double share) : head_dim_(head_dim) {
  const auto where = source.where() + "/config.json";
  auto p = nlohmann::json::object();
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    const auto given = source.get(key, nlohmann::json());
    if (given.is_object()) p = given;
  }
  static const std::set<std::string> kKnown{"rope_type",        "type",
                                            "rope_theta",       "partial_rotary_factor",
                                            "factor",           "low_freq_factor",
                                            "high_freq_factor", "original_max_position_embeddings",
                                            "short_factor",     "long_factor",
                                            "attention_factor"};
  for (const auto& [key, value] : p.items())
    if (!kKnown.count(key) && !value.is_null())
      fail("{}: the key {} of the rotary embedding is not supported", where, key);
  theta = number(p, "rope_theta", theta, where);
  share = number(p, "partial_rotary_factor", share, where);
  rotary_ = static_cast<int64_t>(static_cast<double>(head_dim) * share);
  if (!(share > 0 && share <= 1) || rotary_ % 2 != 0 || rotary_ == 0 || !(theta > 0))
    fail("{}: {} of {} dimensions of a head cannot be rotated with theta {}", where, share,
         head_dim, theta);
  const auto exponent = at::arange(0, rotary_, 2, at::kFloat) / static_cast<double>(rotary_);
  frequencies_ = 1.0 / at::pow(theta, exponent);
  const auto spelled = p.contains("rope_type") ? p["rope_type"] : p.value("type", nlohmann::json());
  const auto type = spelled.is_string() ? spelled.get<std::string>() : std::string("default");
  if (type == "linear")
    frequencies_ = frequencies_ / divisor(p, 1, where);
  else if (type == "llama3")
    frequencies_ = scale_llama3(frequencies_, p, where);
  else if (type == "longrope")
    frequencies_ = frequencies_ / fixed_factors(p, rotary_ / 2, where);
  else if (type != "default")
    fail("{}: the rope scaling '{}' is not supported; known: default, linear, llama3, longrope",
         where, type);
}

void Rope::reach(const Tensor& positions) const {
  const int64_t needed = positions.numel() ? positions.max().item<int64_t>() + 1 : 1;
  if (cos_.defined() && cos_.size(0) >= needed && cos_.device() == positions.device()) return;
  int64_t length = 256;
  while (length < needed) length *= 2;
  SingleThread alone;
  const auto angle = at::arange(length, at::kFloat).unsqueeze(1) * frequencies_.unsqueeze(0);
  const auto both = at::cat({angle, angle}, 1);
  cos_ = both.cos().to(positions.device());
  sin_ = both.sin().to(positions.device());
}

Tensor Rope::operator()(const Tensor& x, const Tensor& positions) const {
  const auto heads = x.reshape({x.size(0), -1, head_dim_});
  const auto turned = heads.narrow(2, 0, rotary_);
  const auto c = cos_.index_select(0, positions).unsqueeze(1);
  const auto s = sin_.index_select(0, positions).unsqueeze(1);
  const auto half = rotary_ / 2;
  const auto other = at::cat({-turned.narrow(2, half, half), turned.narrow(2, 0, half)}, 2);
  auto out = turned * c + other * s;
  if (rotary_ < head_dim_) out = at::cat({out, heads.narrow(2, rotary_, head_dim_ - rotary_)}, 2);
  return out.reshape(x.sizes());
}

}  // namespace bench
