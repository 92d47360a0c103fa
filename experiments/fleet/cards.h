#pragma once
#include <string>
#include <vector>

#include "config/config.h"

namespace bench {

/// What of a machine's cards a process sees: the words of CUDA_VISIBLE_DEVICES (empty where it is
/// not set), and how many LibTorch finds (-1: not asked, no trial needs one).
struct VisibleCards {
  std::vector<std::string> names;
  int64_t count = -1;
};

/// An Error unless `launcher.devices` is auto or a list of different numbers from 0.
void check_devices(const Config& launcher);

/// The cards that workers are dealt to, each as CUDA_VISIBLE_DEVICES names it, in turn. auto: all,
/// where trials run on cards. Empty: a worker sees what this process sees. A card that is not there
/// is an Error.
std::vector<std::string> cards_of(const Config& launcher, const VisibleCards& visible);

/// The cards of this machine; LibTorch's CUDA part is opened where a trial needs it.
VisibleCards visible_cards(bool needed);

/// How many workers: as asked for, else so many a card, else one a core.
int64_t workers_of(const Config& launcher, size_t cards, int64_t cores);

}  // namespace bench
