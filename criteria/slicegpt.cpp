// SliceGPT (Ashkboos et al. 2024, arXiv 2401.15024): the residual stream is turned to its principal
// components at every norm (the stage slicegpt_turn), and the last of them are cut away through the
// whole model. Components stand in descending order of their eigenvalues, so that a component's
// score is its place.
#include "core/criterion.h"
#include "core/selection.h"
#include "core/stage.h"
#include "core/stream.h"

namespace bench {
namespace {

Schema width_schema() {
  return {key("round", 8, "tie=reference: the width that stays is rounded down to a multiple")
              .at_least(1)};
}

/// run_slicegpt.py:217-219.
int64_t rounded_width(int64_t width, double target, int64_t round) {
  const auto kept = static_cast<int64_t>((1 - target) * static_cast<double>(width));
  return std::max(kept - kept % round, int64_t{1});
}

class SliceGpt : public Criterion {
 public:
  static Schema schema() { return width_schema(); }
  explicit SliceGpt(const Config& c) : round_(c.get<int64_t>("round")) {}
  Ranks accepts() const override {
    Ranks a{{.weights = false,
             .nm = false,
             .units = {"hidden"},
             .input = Input::Text,
             .exempt = false}};
    a.selection = "slicegpt";
    a.selection_settings = Value(Value::Map{{"round", Value(round_)}});
    a.stage = "slicegpt_turn";
    return a;
  }
  Tensor units(const Group& group, const Stats&) const override {
    return at::arange(group.units, 0, -1, at::kDouble);
  }

 private:
  int64_t round_;
};

class RoundedWidth : public Selection {
 public:
  static Schema schema() { return width_schema(); }
  explicit RoundedWidth(const Config& c) : round_(c.get<int64_t>("round")) {}
  Tensor units(const Group& group, const Tensor& score, Share share) const override {
    if (share.count >= 0) return Selection::units(group, score, share);
    return select_units(score, group.units - rounded_width(group.units, share.ratio, round_));
  }

 private:
  int64_t round_;
};

/// Turns the stream and leaves only the components that the target keeps different from zero, so
/// that each place is turned on what the places before left.
class Turn : public Stage {
 public:
  static Schema schema() { return width_schema(); }
  explicit Turn(const Config& c) : round_(c.get<int64_t>("round")) {}
  Accepts accepts() const override {
    return {
        .weights = false, .nm = false, .units = {"hidden"}, .input = Input::Text, .exempt = false};
  }
  bool calibrates() const override { return true; }
  void apply(StageContext& c) const override {
    const auto width = c.model.groups("hidden").front().units;
    const auto kept = c.method.pattern.reference_ties ? rounded_width(width, c.target, round_)
                                                      : width - removed_units(width, 1, c.target);
    turn_stream(c.model, c.calibration(), kept);
  }

 private:
  int64_t round_;
};

constexpr const char* kPaper = "Ashkboos et al. 2024, arXiv 2401.15024";
BENCH_REGISTER(Criterion, SliceGpt, "slicegpt",
               .doc = "principal components of the residual stream", .source = kPaper, .year = 2024,
               .data = About::Data::Unlabelled);
BENCH_REGISTER(Selection, RoundedWidth, "slicegpt",
               .doc = "the width that stays is rounded down to a multiple", .source = kPaper,
               .year = 2024);
BENCH_REGISTER(Stage, Turn, "slicegpt_turn",
               .doc = "turns the residual stream to its principal components", .source = kPaper,
               .year = 2024, .data = About::Data::Unlabelled);

}  // namespace
}  // namespace bench
