#include "fleet/cards.h"

#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "base/error.h"
#include "base/split.h"
#include "tensor/device.h"

namespace bench {
namespace {

/// The list; nothing for auto.
std::optional<std::vector<int64_t>> devices_of(const Config& launcher) {
  const Value& given = *launcher.value().find("devices");
  if (given.is_string() && given.string() == "auto") return {};
  std::vector<int64_t> all;
  bool good = given.is_list() && !given.list().empty();
  if (good)
    for (const auto& d : given.list()) {
      good = good && d.is_int() && std::get<int64_t>(d.data) >= 0;
      if (good) all.push_back(std::get<int64_t>(d.data));
    }
  if (!good)
    fail("{}launcher.devices: expected auto or a list of cards such as [0, 1], found {}",
         where(given), to_json(given));
  auto sorted = all;
  std::sort(sorted.begin(), sorted.end());
  if (const auto twice = std::adjacent_find(sorted.begin(), sorted.end()); twice != sorted.end())
    fail(
        "{}launcher.devices: names card {} twice; launcher.workers_per_device says how many "
        "workers a card has",
        where(given), *twice);
  return all;
}

}  // namespace

void check_devices(const Config& launcher) {
  devices_of(launcher);
}

std::vector<std::string> cards_of(const Config& launcher, const VisibleCards& visible) {
  const auto wanted = devices_of(launcher);
  auto names = visible.names;
  if (names.empty())
    for (int64_t k = 0; k < visible.count; ++k) names.push_back(std::to_string(k));
  const auto count = visible.count >= 0 ? visible.count : static_cast<int64_t>(names.size());
  const bool known = visible.count >= 0 || !visible.names.empty();
  if (!wanted) {
    if (visible.count < 0) return {};
    names.resize(std::min(names.size(), static_cast<size_t>(count)));
    return names;
  }
  std::vector<std::string> cards;
  for (const auto d : *wanted) {
    if (known && d >= count)
      fail("launcher.devices: there is no card {}; this machine shows {}", d,
           count == 0   ? "none"
           : count == 1 ? "one, which is 0"
                        : fmt::format("{}, from 0 to {}", count, count - 1));
    const auto at = static_cast<size_t>(d);
    cards.push_back(at < names.size() ? names[at] : std::to_string(d));
  }
  return cards;
}

VisibleCards visible_cards(bool needed) {
  VisibleCards visible;
  if (const char* names = std::getenv("CUDA_VISIBLE_DEVICES"); names && *names)
    visible.names = split_list(names);
  if (!needed) return visible;
  open_device("cuda");  // says what is wrong where there is none
  visible.count = c10::impl::VirtualGuardImpl(at::kCUDA).deviceCount();
  return visible;
}

int64_t workers_of(const Config& launcher, size_t cards, int64_t cores) {
  if (const auto wanted = launcher.get<int64_t>("workers"); wanted > 0) return wanted;
  return cards > 0 ? static_cast<int64_t>(cards) * launcher.get<int64_t>("workers_per_device")
                   : cores;
}

}  // namespace bench
