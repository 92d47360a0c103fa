#pragma once
// What tests of stages share: a small network in a stage's hands.
#include "measure/cost.h"
#include "fixture.h"
#include "stages/training.h"
#include "tiny_vision.h"
#include "walk/sparsity.h"

namespace bench::test {

inline Method method_of(const std::string& criterion, const std::string& allocator, bool channels) {
  Method m;
  m.criterion = Registry<Criterion>::instance().create(criterion);
  m.allocator = Registry<Allocator>::instance().create(allocator);
  m.propagation = Propagation::Dense;
  if (channels) {
    m.pattern.kind = Pattern::Structured;
    m.pattern.groups = {"channel"};
    m.pattern.budget = "macs";
  }
  return m;
}

inline std::unique_ptr<Stage> stage(const std::string& name, Value::Map settings) {
  return Registry<Stage>::instance().create(name, Value{std::move(settings)});
}

inline Value::Map few(int64_t steps, int64_t batch = 16) {
  return {{"steps", Value(steps)},
          {"batch", Value(batch)},
          {"images", Value(int64_t{64})},
          {"lr", 0.05},
          {"file", (root() / "data/vision/cifar10_train2000.bin").string()}};
}

struct Bench {
  std::unique_ptr<Model> model;
  std::map<std::string, std::shared_ptr<const Snapshot>> kept;
  std::map<std::string, double> said;
  std::string state;
  std::function<void(const std::string&)> write_model;
  explicit Bench(const std::string& family = "resnet_b") : model(tiny_vision(family)) {
    kept["loaded"] = std::make_shared<const Snapshot>(*model);
  }
  void run(const Stage& s, const Method& m, double target = 0.5,
           const std::function<void(int64_t, int64_t)>& progress = {}) {
    at::NoGradGuard no_grad;
    StageContext c{*model, m, target, at::kCPU, kept, progress, {}, state};
    c.record = [&](const std::string& name, double value, const std::string&) {
      said[name] = value;
    };
    c.write_model = write_model;
    s.apply(c);
  }
  double loss_now() const {
    at::NoGradGuard no_grad;
    return loss(*model, read_cifar((root() / "data/vision/cifar10_train2000.bin").string(), 0, 64))
        .item<double>();
  }
};

inline std::string all_bits(Model& model) {
  std::string text;
  for (const auto& t : model.tensors())
    if (t.tensor->defined())
      text += std::to_string(t.tensor->to(at::kDouble).sum().item<double>()) + " ";
  return text + weight_hash(model) + mask_hash(model);
}

}  // namespace bench::test
