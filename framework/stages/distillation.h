#pragma once
#include "stages/text_training.h"

namespace bench {

/// Training towards what the model answered as it was loaded (Hinton et al. 2015, arXiv
/// 1503.02531):
///   tau^2 KL + labels * cross-entropy + hidden * mean over blocks of the squared distance of what
/// leaves them, each a mean over the response tokens (the last token of a row predicts nothing and
/// no padding exists). The teacher is the loaded model itself, never a second file.
struct Distillation {
  static Schema schema();
  explicit Distillation(const Config& c);

  bool on() const { return direction != "none" || hidden > 0; }
  /// Of some rows, differentiable by the model's tensors.
  Tensor loss(StageContext& context, const std::vector<const TrainingRow*>& rows) const;

  std::string direction;  // none, forward: KL(teacher, student), reverse: KL(student, teacher)
  double temperature, labels, hidden;
};

}  // namespace bench
