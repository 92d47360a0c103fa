#pragma once
#include "walk/certificate.h"
#include "results/result.h"
#include "trial/validity.h"

namespace bench {

/// Writes the verdicts of one trial, as its stages end and its tasks report what they read.
class Judge {
 public:
  Judge(Outcome& out, Workbench& bench, std::string model);

  void add(std::vector<VerdictRow> rows);
  /// A broken mask fails the trial, in words that name layer and stage.
  void stage(Model& model, const Pattern& pattern, const std::string& name);
  /// What is calibrated or trained on: from here on, evaluation texts are held against it.
  void source(CalibrationSource source);
  void evidence(const Evidence& evidence);
  /// Of a dense model, once everything is measured.
  void gates();
  /// Of the last stage; without layers: none was pruned.
  const Certificate& certificate() const { return certificate_; }

 private:
  Outcome& out_;
  Workbench& bench_;
  std::string model_;
  RecordedModel record_;
  Certificate certificate_;
  std::vector<CalibrationSource> sources_;
};

}  // namespace bench
