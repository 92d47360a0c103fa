#pragma once
#include <vector>

#include "tensor/tensor.h"

namespace bench {

// Single-stage detection on one grid, as FCOS has it (Tian et al. 2019, arXiv 1904.01355) but with
// logarithms of distances and no centre-ness. A detector's logits are [n, classes + 4, h, w]: a
// logit for every class, then the logarithms of the distances from the cell's middle to the box's
// left, top, right and bottom side in cells. Boxes are [n, most, 5]: class (-1: none), x0, y0, x1,
// y1 in pixels of the image.

/// Whether logits are those of a detector.
inline bool gives_boxes(const Tensor& logits) {
  return logits.dim() == 4;
}

/// Mean over the images of (focal loss of all cells and classes, alpha 0.25, gamma 2 (Lin et al.
/// 2017, arXiv 1708.02002), plus smooth L1 (beta 0.1) of the distances in cells that have a box),
/// each image's sum over its number of cells that have one. A cell has a box if its middle lies in
/// the inner half of the box's width and height, or within half a cell of its middle; of several
/// boxes it has the smallest. Differentiable twice, float32 or float64.
Tensor detection_loss(const Tensor& logits, const Tensor& boxes, int64_t height, int64_t width);

struct Box {
  double x0 = 0, y0 = 0, x1 = 0, y1 = 0;
  double area() const { return (x1 - x0) * (y1 - y0); }
};
/// Intersection over union; 0 where both are empty.
double overlap(const Box& a, const Box& b);

struct Detection {
  int64_t label = 0;
  double score = 0;
  Box box;
};
struct DetectionRule {
  double score = 0.05;  // least score that counts
  double nms = 0.6;     // of two boxes of one class that overlap more, the lower one goes
  int64_t most = 100;   // boxes of an image, highest first
};
/// What the logits [classes + 4, h, w] of one image say, by falling score.
std::vector<Detection> detections(const Tensor& logits, int64_t height, int64_t width,
                                  const DetectionRule& rule);

}  // namespace bench
