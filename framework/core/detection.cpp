#include "core/detection.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace bench {
namespace {

constexpr double kAlpha = 0.25, kGamma = 2, kBeta = 0.1;

/// What every cell should say: class [n, h, w] (-1: nothing) and distances [n, 4, h, w].
struct Targets {
  Tensor label, distances;
};

Targets targets(const Tensor& logits, const Tensor& boxes, double height, double width) {
  const auto n = boxes.size(0), h = logits.size(2), w = logits.size(3);
  const double sy = height / static_cast<double>(h), sx = width / static_cast<double>(w);
  const auto b = boxes.to(logits.scalar_type());
  const auto part = [&](int64_t i) { return b.select(2, i).reshape({n, -1, 1, 1}); };
  const auto x = ((at::arange(w, b.options()) + 0.5) * sx).reshape({1, 1, 1, w});
  const auto y = ((at::arange(h, b.options()) + 0.5) * sy).reshape({1, 1, h, 1});
  const auto wide = part(3) - part(1), high = part(4) - part(2);
  const auto near = [](const Tensor& at, const Tensor& from, const Tensor& to, double cell) {
    const auto reach = ((to - from) * 0.25).clamp_min(cell / 2);
    return (at - (from + to) / 2).abs() <= reach;
  };
  const auto inside =
      near(x, part(1), part(3), sx) & near(y, part(2), part(4), sy) & (part(0) >= 0);
  const auto area = (wide * high).expand_as(inside).masked_fill(~inside, INFINITY);
  const auto [least, which] = area.min(1, true);  // [n, 1, h, w]
  const auto chosen = [&](const Tensor& of) { return of.expand_as(inside).gather(1, which); };
  Targets t;
  t.label = chosen(part(0)).masked_fill(least.isinf(), -1).squeeze(1).to(at::kLong);
  const auto log_of = [](const Tensor& d, double cell) { return (d / cell).clamp_min(0.25).log(); };
  t.distances = at::cat({log_of(x - chosen(part(1)), sx), log_of(y - chosen(part(2)), sy),
                         log_of(chosen(part(3)) - x, sx), log_of(chosen(part(4)) - y, sy)},
                        1);
  return t;
}

}  // namespace

Tensor detection_loss(const Tensor& logits, const Tensor& boxes, int64_t height, int64_t width) {
  if (!gives_boxes(logits) || boxes.dim() != 3)
    fail(
        "boxes can be learned by a detector alone, and a detector from boxes alone: the model and "
        "the data (task=shapes, data=shapes) do not go together");
  const auto classes = logits.size(1) - 4;
  Targets t;
  {
    at::NoGradGuard no_grad;
    t = targets(logits, boxes.to(logits.device()), static_cast<double>(height),
                static_cast<double>(width));
    if (t.label.max().item<int64_t>() >= classes)
      fail("the data has boxes of class {}, the detector {} classes", t.label.max().item<int64_t>(),
           classes);
  }
  const auto has = (t.label >= 0).to(logits.scalar_type());
  const auto number = at::arange(classes, t.label.options()).reshape({1, -1, 1, 1});
  const auto y = (t.label.unsqueeze(1) == number).to(logits.scalar_type());
  const auto x = logits.narrow(1, 0, classes);
  const auto p = x.sigmoid();
  const auto entropy = x.clamp_min(0) - x * y + (-x.abs()).exp().log1p();
  const auto miss = p * (1 - y) + (1 - p) * y;
  const auto focal = entropy * miss.pow(kGamma) * (y * kAlpha + (1 - y) * (1 - kAlpha));
  const auto off = (logits.narrow(1, classes, 4) - t.distances).abs();
  const auto smooth = at::where(off < kBeta, off.square() / (2 * kBeta), off - kBeta / 2);
  const auto sum = focal.sum({1, 2, 3}) + (smooth.sum(1) * has).sum({1, 2});
  return (sum / has.sum({1, 2}).clamp_min(1)).mean();
}

double overlap(const Box& a, const Box& b) {
  const double w = std::min(a.x1, b.x1) - std::max(a.x0, b.x0);
  const double h = std::min(a.y1, b.y1) - std::max(a.y0, b.y0);
  if (w <= 0 || h <= 0) return 0;
  return w * h / (a.area() + b.area() - w * h);
}

std::vector<Detection> detections(const Tensor& logits, int64_t height, int64_t width,
                                  const DetectionRule& rule) {
  const auto all = logits.detach().to(at::kDouble).cpu().contiguous();
  const auto classes = all.size(0) - 4, h = all.size(1), w = all.size(2);
  const auto* v = all.const_data_ptr<double>();
  const double sy = static_cast<double>(height) / static_cast<double>(h);
  const double sx = static_cast<double>(width) / static_cast<double>(w);
  std::vector<Detection> found;
  for (int64_t c = 0; c < classes; ++c)
    for (int64_t at = 0; at < h * w; ++at) {
      const double score = 1 / (1 + std::exp(-v[c * h * w + at]));
      if (!(score >= rule.score)) continue;
      const auto side = [&](int64_t i) {
        return std::exp(std::clamp(v[(classes + i) * h * w + at], -8.0, 8.0));
      };
      const double x = (static_cast<double>(at % w) + 0.5) * sx;
      const double y = (static_cast<double>(at / w) + 0.5) * sy;
      const auto in = [](double value, int64_t end) {
        return std::clamp(value, 0.0, static_cast<double>(end));
      };
      found.push_back({c,
                       score,
                       {in(x - side(0) * sx, width), in(y - side(1) * sy, height),
                        in(x + side(2) * sx, width), in(y + side(3) * sy, height)}});
    }
  std::stable_sort(found.begin(), found.end(),
                   [](const Detection& a, const Detection& b) { return a.score > b.score; });
  std::vector<Detection> kept;
  for (const auto& f : found) {
    if (static_cast<int64_t>(kept.size()) == rule.most) break;
    if (std::none_of(kept.begin(), kept.end(), [&](const Detection& k) {
          return k.label == f.label && overlap(k.box, f.box) > rule.nms;
        }))
      kept.push_back(f);
  }
  return kept;
}

}  // namespace bench
