#pragma once
#include "stages/masters.h"
#include "config/registry.h"
#include "core/stage.h"
#include "data/images.h"
#include "formats/safetensors.h"

namespace bench {

/// How a network of images is trained. The released recipe of IFSO (ifso.md 2.3) is the default.
struct TrainingSettings {
  static Schema schema();
  explicit TrainingSettings(const Config& c);

  ImageSource source;
  std::string optimizer, schedule;
  int64_t images, steps, batch, crop, warmup, save_every;
  double epochs, lr, momentum, weight_decay, gamma, distill, temperature, beta2, l1_gamma;
  std::vector<double> milestones;
  bool nesterov, flip;
  uint64_t seed;
  std::string text;  // all of it, for the key of a saved state

  /// Learning rate of a step out of `total`: warm-up is linear; step: times gamma behind each
  /// milestone (shares of the whole); cosine: down to 0.
  double rate(int64_t step, int64_t total) const;
};

/// Images with labels that are drawn from, and how: order, crops and flips of a step depend on the
/// seed and the step alone, so that training can go on anywhere.
class TrainingData {
 public:
  TrainingData(const TrainingSettings& settings, const at::Device& device);
  /// Batch of a step: epochs are permutations; the last batch of an epoch may be smaller. `stream`
  /// names the purpose ("train", "score"): streams are independent.
  Batch batch(int64_t step, const std::string& stream) const;
  int64_t steps_per_epoch() const { return (size_ + how_.batch - 1) / how_.batch; }
  int64_t size() const { return size_; }
  const Batch& all() const { return *all_; }

 private:
  void augment(Batch& batch, int64_t step, const std::string& stream) const;
  const TrainingSettings& how_;
  std::shared_ptr<const Batch> all_;
  int64_t size_;
  at::Device device_;
};

class Trainer;

/// What happens around the steps of a training that does more than train.
class TrainingHook {
 public:
  virtual ~TrainingHook() = default;
  virtual void before_step(Trainer&, int64_t /*step*/) {}
  /// Adds to the gradients of a step before the optimizer sees them: add(parameter, more), the
  /// parameter one of the model's own tensors.
  using AddGradient = std::function<void(const Tensor& parameter, const Tensor& more)>;
  virtual void penalise(Trainer&, const AddGradient& /*add*/) {}
  /// True: the training is over.
  virtual bool after_step(Trainer&, int64_t /*step*/) { return false; }
  /// State beyond weights and masks, for a run that goes on after a kill.
  virtual void save(TensorMap&) const {}
  virtual void load(const TensorMap&) {}
};

/// Trains all parameters of a model in place (on clones: handles that others hold stay as they
/// are). On one thread: the order of sums in backward passes would otherwise depend on the threads.
class Trainer {
 public:
  Trainer(StageContext& context, const TrainingSettings& settings);
  ~Trainer();
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  /// From step 0, or from where the saved state stands. Returns the steps it made in all.
  int64_t run(TrainingHook* hook = nullptr);

  Model& model() { return context_.model; }
  const StageContext& context() const { return context_; }
  const TrainingSettings& settings() const { return how_; }
  const TrainingData& data() const { return data_; }
  int64_t total() const { return total_; }
  double last_loss() const { return loss_; }
  /// Gradients of the batch's mean loss by the layers' weights, as they stand.
  std::vector<Tensor> weight_gradients(const Batch& batch);
  /// Weights outside their masks become zero again, and what follows a unit that is gone.
  void obey_masks();
  /// To be called when masks are set while training.
  void masks_changed();
  /// Forgets what the optimizer knows of a layer's entries: those of newly grown weights.
  void forget(const Layer& layer, const Tensor& entries);

 private:
  struct Parameter {
    std::string name;
    Tensor* value;
    Tensor velocity, square;
  };
  void step(int64_t index, TrainingHook* hook);
  Tensor objective(const Batch& batch) const;
  void update(Parameter& p, const Tensor& gradient, double rate, int64_t index);
  std::string key() const;
  void save(int64_t done, const TrainingHook* hook) const;
  int64_t load(TrainingHook* hook);

  StageContext& context_;
  const TrainingSettings& how_;
  TrainingData data_;
  Masters masters_;
  std::vector<Parameter> parameters_;
  std::vector<std::string> norm_scales_;
  std::vector<Removed> removed_;  // groups that have lost units
  int64_t total_;
  double loss_ = 0;
  std::string key_;
};

}  // namespace bench
