#pragma once
#include "core/method.h"

namespace bench {

/// What competes for removal: a layer with a score per weight, or a group with a score per unit.
struct Candidate {
  Layer* layer = nullptr;  // unstructured, n:m
  Group group;             // structured
  int64_t block = 0;

  std::vector<Layer*> layers() const;
};

std::vector<Candidate> candidates(Model& model, const Pattern& pattern);
/// Throws where one of their layers was split into factors (Layer::low_rank).
void check_whole(const std::vector<Candidate>& candidates);
/// What allocators see of them; the parts point into the candidates.
std::vector<Part> parts_of(const std::vector<Candidate>& candidates);

}  // namespace bench
