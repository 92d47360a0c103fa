#include "trial/mask_sample.h"

#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "core/residency.h"

namespace bench {
namespace {

constexpr int64_t kPlaces = 1024;

/// splitmix64 (Steele, Lea, Flood 2014), as a number in [0, 1).
double drawn(uint64_t i) {
  uint64_t z = (i + 1) * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1.0p-53;
}

std::string sample_of(const Tensor& mask) {
  const auto flat = mask.reshape({-1});
  const auto* kept = flat.const_data_ptr<bool>();
  const auto places = sampled_places(flat.numel());
  std::string bits((places.size() + 7) / 8, '\0');
  for (size_t i = 0; i < places.size(); ++i)
    if (!kept[places[i]]) bits[i / 8] = static_cast<char>(bits[i / 8] | 1 << i % 8);
  return bits;
}

}  // namespace

std::vector<int64_t> sampled_places(int64_t numel) {
  std::vector<int64_t> places(static_cast<size_t>(std::min(numel, kPlaces)));
  const double stretch = static_cast<double>(numel) / static_cast<double>(places.size());
  for (size_t i = 0; i < places.size(); ++i) {
    const auto at = static_cast<double>(i);
    places[i] = numel <= kPlaces
                    ? static_cast<int64_t>(i)
                    : std::min(numel - 1, static_cast<int64_t>((at + drawn(i)) * stretch));
  }
  return places;
}

void record_mask_sample(Outcome& out, Model& model) {
  nlohmann::ordered_json all = nlohmann::ordered_json::object();
  for (const Layer* l : model.layers()) {
    if (!l->mask.defined() || l->mask.numel() == 0) continue;
    all[l->weight_name()] = text::to_base64(sample_of(l->mask.cpu()));
    rest(l->mask);
  }
  if (!all.empty()) out.notes.emplace_back("mask_sample", all.dump());
}

}  // namespace bench
