#pragma once
#include <vector>

#include "hydra/override/override.h"

namespace bench {

/// sort(): one list, one choice or range, or plain values.
Element sort_elements(const std::vector<Element>& given, const Element* list, bool reverse);
/// shuffle(): a sweep is shuffled when it is enumerated, from its seed; a list right away, from
/// `seed`, so that the same text always gives the same order (trap T9).
Element shuffle_elements(const std::vector<Element>& given, const Element* list, uint64_t seed = 0);

}  // namespace bench
