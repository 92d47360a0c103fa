#pragma once
#include <vector>

#include "core/borrowed.h"
#include "core/model.h"
#include "stages/ramp.h"

namespace bench {

/// How movement pruning chooses (Sanh, Wolf, Rush 2020, arXiv 2005.07683;
/// huggingface/block_movement_pruning@c16ceca emmental/modules/binarizer.py:69-107): each weight
/// has a score that is learned beside it. Forward passes use w M(S); the mask passes gradients on
/// as they are, so that dL/dS = dL/d(w M) w: a weight that moves away from zero gains. hard: the
/// highest scores of a layer (or of all layers) stay, ever fewer along a cubic ramp. soft: those
/// whose sigmoid is above a threshold that rises, while a penalty on the mean of the sigmoids
/// pushes them down; how many stay is then the data's choice.
struct MovementSettings {
  static Schema schema();
  explicit MovementSettings(const Config& c);
  Ramp ramp;
  bool soft, global;
  double score_lr, threshold, penalty;
};

/// The scores of a model while it is trained, and the masks that they make. Layers see w M(S) as
/// long as it lives, or until settle().
class MovementScores {
 public:
  /// target: the share of the weights that goes in the end (hard).
  MovementScores(Model& model, const MovementSettings& how, double target);

  struct Learned {
    std::string name;
    Tensor* scores;  // float32 [out, in], from 0: a leaf during a step
  };
  std::vector<Learned> learned();
  /// The masks after `done` of `total` steps.
  void choose(int64_t done, int64_t total);
  /// What the loss is longer by; undefined where nothing is.
  Tensor penalty() const;
  /// The masks become the layers' own. -> the share of the weights that is gone.
  double settle();

 private:
  struct Scored {
    Layer* layer;
    Tensor scores;
    Tensor mask;  // float32: 1 stays
  };
  static Tensor ranked(const Scored& s);

  const MovementSettings& how_;
  double target_, share_ = 0;
  std::vector<Scored> all_;
  Borrowed borrowed_;
};

}  // namespace bench
