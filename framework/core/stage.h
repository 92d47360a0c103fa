#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/method.h"

namespace bench {

class Tokenizer;

/// What a stage may use of the trial it runs in.
struct StageContext {
  Model& model;
  const Method& method;  // the trial's own: stages that prune while they train follow it
  double target;         // the trial's last target, as a share of what the pattern can remove
  at::Device device = at::kCPU;
  /// Tensors of the model as they were: "loaded" is always there, others are kept by stages.
  std::map<std::string, std::shared_ptr<const Snapshot>>& kept;
  std::function<void(int64_t done, int64_t of)> progress;  // may be empty
  /// A figure of the stage that goes into the trial's record; may be empty.
  std::function<void(const std::string& name, double value, const std::string& unit)> record;
  /// A file for the stage's unfinished state, from which a killed run goes on; empty: it keeps
  /// none.
  std::string state_file;
  /// The tokenizer of a language model; empty for networks of images.
  std::function<std::shared_ptr<const Tokenizer>()> tokenizer = {};
  /// Writes the model as it stands as a folder that loads again; may be empty.
  std::function<void(const std::string& folder)> write_model = {};
  /// The trial's calibration data, on the device: of stages that say so (calibrates()).
  std::function<Calibration()> calibration = {};
};

/// Model in, model out: training, recalibration, rewinding. Masks that are there are obeyed: what
/// is gone stays zero, unless the stage is one that moves masks. The same bits for the same
/// settings, however often it was killed and taken up again.
class Stage {
 public:
  virtual ~Stage() = default;
  virtual Accepts accepts() const { return {}; }
  /// Throws Error for missing data and for settings that do not go together with the method's;
  /// called while a sweep is planned.
  virtual void check(const Method&) const {}
  /// Whether it reads the trial's calibration data, which then is part of the trial's identity.
  virtual bool calibrates() const { return false; }
  /// Files that change its result: their bytes are part of the trial's identity.
  virtual std::vector<std::string> files() const { return {}; }
  virtual void apply(StageContext& context) const = 0;
};

}  // namespace bench
