// How large the model is as it stands: parameters, bytes, multiply-accumulates of the prunable
// layers.
#include "core/task.h"

namespace bench {
namespace {

class Size : public Task {
 public:
  bool reads(bool) const override { return true; }
  std::vector<Metric> run(const TaskContext& c) const override {
    double parameters = 0, nonzero = 0, bytes = 0, linear = 0;
    for (const auto& t : c.model.tensors()) {
      if (!t.tensor->defined()) continue;
      bytes += static_cast<double>(t.tensor->nbytes());
      if (!t.parameter) continue;
      parameters += static_cast<double>(t.tensor->numel());
      nonzero += static_cast<double>(at::count_nonzero(*t.tensor).item<int64_t>());
    }
    for (const Layer* l : c.model.layers()) linear += static_cast<double>(l->weight.numel());
    return {one("parameters", parameters, "parameters"), one("nonzero", nonzero, "parameters"),
            one("prunable", linear, "weights"), one("bytes", bytes, "bytes")};
  }

 private:
  static Metric one(const char* name, double value, const char* unit) {
    Metric m{"size", name, value};
    m.n = 1;
    m.unit = unit;
    m.protocol = "size@1";
    m.higher_is_better = false;
    return m;
  }
};

BENCH_REGISTER(Task, Size, "size", "parameters, non-zero parameters and bytes of the model");

}  // namespace
}  // namespace bench
