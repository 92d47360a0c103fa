#pragma once
#include "models/vision.h"

namespace bench {

enum class Act { Linear, Relu, Relu6, Silu, HardSwish, Sigmoid, HardSigmoid };
Tensor activate(Act act, const Tensor& x);

/// Squeeze and excite (Hu et al. 2018): channels are multiplied by gate(out(act(in(mean)))).
struct Squeeze {
  Layer in, out;  // 1x1 convolutions over the mean of all pixels
  Act act = Act::Relu, gate = Act::Sigmoid;
  Tensor operator()(const Tensor& x) const;
};

/// A convolution (or a depthwise one) and what follows it, or a squeeze.
struct Step {
  Layer conv;       // weight undefined: a depthwise step, or a squeeze
  Depthwise depth;  // its filters come and go with the channels; weight undefined: a squeeze
  Squeeze squeeze;
  BatchNorm norm;  // weight undefined: there is none
  Act act = Act::Relu;
  int64_t pool = 0;  // a max pool behind it of this size and stride; 0: none
  Tensor operator()(const Tensor& x, const Batch& batch) const;
};

/// Steps with a shortcut around them or without.
struct StackBlock {
  std::vector<Step> steps;
  bool residual = false;     // the input is added to what the steps give
  std::vector<Step> detour;  // empty: as it is; one step: through that convolution
  Act act = Act::Linear;     // behind the sum
};

/// A network of images that is one block behind another: VGG, LeNet, MobileNet. Coupled channels
/// follow from the chain: what is added together is one group, and a group's readers are all that
/// see its sum. Fill the members, then call finish().
class Stack : public Model {
 public:
  Input input() const override { return Input::Images; }
  Tensor loss(const Batch& batch) const override { return image_loss(*this, batch); }
  Tensor stem(const Batch& batch) const override { return scale(batch.images); }
  Tensor block(int64_t index, const Tensor& x, const Batch& batch) const override;
  Tensor features(const Tensor& hidden, const Batch&) const override { return hidden; }
  int64_t block_count() const override { return static_cast<int64_t>(blocks.size()) + 1; }
  std::vector<Layer*> layers(int64_t block) override;
  std::vector<Group> groups(const std::string& kind) override;
  std::vector<Named> tensors() override;

  ImageScale scale;
  std::vector<StackBlock> blocks;
  int64_t grid = 1;  // average pool to grid x grid before the linear layers; 0: none
  std::vector<Layer> linears;
  Act between = Act::Relu;  // the linear layers

 private:
  struct Stream;
  void walk(size_t index, Stream& stream, std::vector<Group>& all);
};

}  // namespace bench
