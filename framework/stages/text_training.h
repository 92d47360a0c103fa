#pragma once
#include "stages/masters.h"
#include "config/registry.h"
#include "core/batch.h"
#include "core/stage.h"
#include "tokenizers/tokenizer.h"

namespace bench {

/// How a language model is trained on prompts with responses. Defaults: LLM-Pruner's script for
/// 20 % of LLaMA (mini_llm.md 5; LLM-Pruner@128a07d post_training.py, scripts/llama_prune.sh).
struct TextTrainingSettings {
  static Schema schema();
  explicit TextTrainingSettings(const Config& c);

  std::string file, format, schedule;
  int64_t rows, cutoff, validation, steps, batch, micro_batch, warmup, evaluate_every, save_every;
  double epochs, lr, weight_decay, beta1, beta2;
  uint64_t seed;
  std::string text;  // all of it, for the key of a saved state

  /// Learning rate of a step out of `total`, as transformers' schedulers have it: linear warm-up
  /// from 0, then linear or cosine decay to 0, or constant.
  double rate(int64_t step, int64_t total) const;
};

/// A prompt and its response as ids; only the response, from `prompt` on, is learned.
struct TrainingRow {
  Sequence ids;
  int64_t prompt = 0;
};
/// The file's rows in the Alpaca template (tatsu-lab/stanford_alpaca@761dc5b, train.py:31-42), or
/// documents without a prompt; EOS behind a response that fits, cut at `cutoff` tokens; rows whose
/// response is cut away are left out.
std::vector<TrainingRow> training_rows(const TextTrainingSettings& how, const Tokenizer& tokenizer);

/// Rows end to end: which tokens predict a response's next one, and what that is.
struct Responses {
  Batch batch;
  Tensor where, next;  // int64, on the CPU
};
Responses responses_of(const std::vector<const TrainingRow*>& rows);

/// Mean negative log-likelihood of the responses of some rows, differentiable.
Tensor response_loss(const Model& model, const std::vector<const TrainingRow*>& rows);

/// AdamW on some tensors of a language model, the loss on the responses. Sequences run ragged, no
/// padding; one thread, order from addressable streams: the same bits every time, and after a kill.
class TextTrainer {
 public:
  struct Learned {
    std::string name;
    Tensor* value;    // a leaf during a step; replaced, never changed where others hold it
    double pace = 1;  // its rate is this times the settings'
  };
  /// The loss of some rows, differentiable; what held-out rows are judged by is response_loss().
  using Objective = std::function<Tensor(const std::vector<const TrainingRow*>& rows)>;
  TextTrainer(StageContext& context, const TextTrainingSettings& how, std::vector<Learned> learned,
              Objective objective = {});

  /// To the end, then the values with the best loss on the rows held out (the last ones where none
  /// are). after_step: called when values have changed, with the steps made so far. What stands
  /// before the step `judged_from` is not looked at: of a training whose masks still grow the first
  /// values would always be the best. Masks are part of the saved state.
  void run(const std::function<void(int64_t done)>& after_step, int64_t judged_from = 0);
  void run(const std::function<void()>& after_step) {
    run([&](int64_t) { after_step(); });
  }
  /// The rows of a step as calibration data.
  Calibration rows_of(int64_t step) const;

  double first_loss() const { return first_; }  // held-out loss before the training; NaN: none
  double best_loss() const { return best_; }
  int64_t steps() const { return total_; }
  /// Counts gradient computations: what draws random numbers inside a pass uses it as its stream.
  int64_t pass() const { return pass_; }

 private:
  std::vector<const TrainingRow*> rows_in(int64_t index) const;
  void step(int64_t index);
  double held_out() const;
  void consider(int64_t done, int64_t judged_from);
  void save(int64_t done) const;
  int64_t load();

  struct Moments {
    Tensor first, second, best;
  };
  StageContext& context_;
  const TextTrainingSettings& how_;
  Masters masters_;
  std::vector<Learned> learned_;
  Objective objective_;
  std::vector<Moments> moments_;
  std::vector<TrainingRow> training_, held_;
  int64_t total_ = 0, pass_ = 0;
  double first_, best_, last_ = 0;
  std::string key_;
};

/// Its steps and losses as figures of the stage.
void report(const StageContext& context, const TextTrainer& trainer);

}  // namespace bench
