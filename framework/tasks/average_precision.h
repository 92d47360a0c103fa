#pragma once
#include <vector>

#include "core/detection.h"

namespace bench {

/// A box of one image: what was found there (with a score), or what is there.
struct Placed {
  int64_t image = 0;
  Detection box;
};

/// Average precision of ONE class at one least overlap, as COCO has it (cocodataset/cocoapi@8c9bcc3
/// pycocotools/cocoeval.py:236-312, 315-420; no crowds, all areas): in each image what was found
/// takes, by falling score, the free box that it overlaps most and at least so much; precision is
/// made falling and read at recalls 0, 0.01 .. 1. `found` in order of images; ties in score keep
/// that order. NaN where nothing is there to be found.
double average_precision(const std::vector<Placed>& found, const std::vector<Placed>& there,
                         double least);

/// Means over the classes of which there are any; 0 where there is none.
struct MeanPrecision {
  double all = 0;  // least overlaps 0.5, 0.55 .. 0.95
  double at50 = 0, at75 = 0;
};
MeanPrecision mean_precision(const std::vector<Placed>& found, const std::vector<Placed>& there,
                             int64_t classes);

}  // namespace bench
