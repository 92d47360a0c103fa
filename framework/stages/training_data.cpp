// Settings, data and augmentation of a training.
#include <cmath>
#include <numbers>

#include "data/data.h"
#include "data/images.h"
#include "kernels/philox.h"
#include "stages/training.h"

namespace bench {

Schema TrainingSettings::schema() {
  return Schema{
             key("file", "vision/cifar10_train2000.bin", "images: shipped in data/, or a path"),
             key("images", 0, "how many, from the first; 0: all").at_least(0),
             key("epochs", 1.0, "how often each image is seen").range(0, 1e6),
             key("steps", 0, "how many steps; 0: epochs count").at_least(0),
             key("batch", 128, "images of a step").at_least(1),
             key("optimizer", "sgd", "how gradients become steps").one_of({"sgd", "adamw"}),
             key("lr", 0.1, "learning rate at the start").range(0, 1e3),
             key("lr_schedule", "step", "step: times gamma at the milestones; cosine: down to 0")
                 .one_of({"constant", "step", "cosine"}),
             key("milestones", std::vector<double>{0.6, 0.8}, "step: shares of the training"),
             key("gamma", 0.1, "step: factor at a milestone").range(0, 1),
             key("warmup", 0, "steps over which the rate rises linearly").at_least(0),
             key("momentum", 0.9, "of sgd; the first beta of adamw").range(0, 1),
             key("beta2", 0.999, "the second beta of adamw").range(0, 1),
             key("nesterov", false, "sgd: Nesterov momentum"),
             key("weight_decay", 1e-4, "on all parameters; decoupled in adamw").range(0, 10),
             key("l1_gamma", 0.0, "l1 penalty on the scales of batch norms (arXiv 1708.06519)")
                 .range(0, 10),
             key("crop", 4, "zero pixels around an image, of which a random part is cut off")
                 .at_least(0),
             key("flip", true, "every second image is mirrored"),
             key("distill", 0.0, "share of the loss that is distance to the loaded model's logits")
                 .range(0, 1),
             key("temperature", 4.0, "distillation: what logits are divided by").range(0.01, 1000),
             key("seed", 0, "of order and augmentation").at_least(0),
             key("save_every", 500, "steps between saved states; 0: none")
                 .at_least(0)
                 .without_identity()} +
         ImageSource::keys();
}

TrainingSettings::TrainingSettings(const Config& c)
    : source(ImageSource::from(c)),
      optimizer(c.get<std::string>("optimizer")),
      schedule(c.get<std::string>("lr_schedule")),
      images(c.get<int64_t>("images")),
      steps(c.get<int64_t>("steps")),
      batch(c.get<int64_t>("batch")),
      crop(c.get<int64_t>("crop")),
      warmup(c.get<int64_t>("warmup")),
      save_every(c.get<int64_t>("save_every")),
      epochs(c.get<double>("epochs")),
      lr(c.get<double>("lr")),
      momentum(c.get<double>("momentum")),
      weight_decay(c.get<double>("weight_decay")),
      gamma(c.get<double>("gamma")),
      distill(c.get<double>("distill")),
      temperature(c.get<double>("temperature")),
      beta2(c.get<double>("beta2")),
      l1_gamma(c.get<double>("l1_gamma")),
      milestones(c.get<std::vector<double>>("milestones")),
      nesterov(c.get<bool>("nesterov")),
      flip(c.get<bool>("flip")),
      seed(static_cast<uint64_t>(c.get<int64_t>("seed"))),
      text(to_json(c.value())) {}

double TrainingSettings::rate(int64_t step, int64_t total) const {
  const double t = static_cast<double>(step) / static_cast<double>(std::max<int64_t>(total, 1));
  double r = lr;
  if (schedule == "cosine") r = lr * 0.5 * (1 + std::cos(std::numbers::pi * t));
  if (schedule == "step")
    for (const auto m : milestones)
      if (t >= m) r *= gamma;
  if (step < warmup) r *= static_cast<double>(step + 1) / static_cast<double>(warmup);
  return r;
}

TrainingData::TrainingData(const TrainingSettings& settings, const at::Device& device)
    : how_(settings),
      all_(std::make_shared<const Batch>(read_images(settings.source, 0, settings.images))),
      size_(all_->images.size(0)),
      device_(device) {}

namespace {

std::vector<double> uniforms(uint64_t seed, const std::string& name, int64_t begin, int64_t count) {
  std::vector<double> u(static_cast<size_t>(count));
  kernels::fill_uniform({seed, kernels::fnv1a(name), kernels::Purpose::Training}, begin, count,
                        u.data());
  return u;
}

}  // namespace

Batch TrainingData::batch(int64_t step, const std::string& stream) const {
  const auto epoch = step / steps_per_epoch(), at = (step % steps_per_epoch()) * how_.batch;
  const auto order =
      at::tensor(uniforms(how_.seed, stream + " order", epoch * size_, size_), at::kDouble)
          .argsort(true, 0);
  const auto index = order.slice(0, at, std::min(at + how_.batch, size_));
  Batch b;
  b.labels = all_->labels.index_select(0, index);
  b.images = all_->images.index_select(0, index);
  augment(b, step, stream);
  b.labels = b.labels.to(device_);
  b.images = b.images.to(device_);
  return b;
}

namespace {

/// Boxes of one image [most, 5] as it was moved by (dx, dy) and mirrored; one that left the image
/// is none any more.
Tensor moved(const Tensor& boxes, int64_t dx, int64_t dy, bool mirrored, int64_t h, int64_t w) {
  auto b = boxes.clone();
  auto x = (b.slice(1, 1, 5, 2) + dx).clamp(0, w), y = (b.slice(1, 2, 5, 2) + dy).clamp(0, h);
  if (mirrored) x = (w - x).flip({1});
  b.slice(1, 1, 5, 2).copy_(x);
  b.slice(1, 2, 5, 2).copy_(y);
  const auto left = (b.select(1, 3) - b.select(1, 1) > 1) & (b.select(1, 4) - b.select(1, 2) > 1);
  b.select(1, 0).masked_fill_(~left, -1);
  return b;
}

}  // namespace

void TrainingData::augment(Batch& batch, int64_t step, const std::string& stream) const {
  if (how_.crop == 0 && !how_.flip) return;
  const auto &images = batch.images, &labels = batch.labels;
  const auto n = images.size(0), h = images.size(2), w = images.size(3), pad = how_.crop;
  const auto u = uniforms(how_.seed, stream + " augment", step * how_.batch * 3, n * 3);
  const auto padded = at::constant_pad_nd(images, {pad, pad, pad, pad}, 0);
  const auto choices = static_cast<double>(2 * pad + 1);
  std::vector<Tensor> all, boxes;
  for (int64_t i = 0; i < n; ++i) {
    const auto* mine = &u[static_cast<size_t>(3 * i)];
    const auto y = static_cast<int64_t>(mine[0] * choices);
    const auto x = static_cast<int64_t>(mine[1] * choices);
    const bool mirrored = how_.flip && mine[2] < 0.5;
    auto one = padded[i].narrow(1, y, h).narrow(2, x, w);
    if (mirrored) one = one.flip({2});
    all.push_back(one);
    if (labels.dim() > 1) boxes.push_back(moved(labels[i], pad - x, pad - y, mirrored, h, w));
  }
  batch.images = at::stack(all);
  if (!boxes.empty()) batch.labels = at::stack(boxes);
}

}  // namespace bench
