// Gradient norms over sequences as GBLM-Pruner and Pruner-Zero use them, stored in float16.
#include "measure/passes.h"
#include "measure/statistics.h"
#include "parity/recorded.h"

namespace bench::verify {

void verify_gradients(Run& run, const fs::path& file, const Json& record) {
  auto& loaded = run.model(file.parent_path().filename().string());
  Json as_case = record;
  as_case["calibration"] = {{"file", record.at("calibration")}};
  const auto data = recorded_calibration(run, file, as_case);
  const auto stats =
      collect({*loaded.model, {0, loaded.model->block_count()}, data, loaded.model->layers()},
              {need<GradientMoments>()}, Pass::Global);
  const auto theirs = read_safetensors((file.parent_path() / "data.safetensors").string());
  double worst = 0;
  int64_t seen = 0;
  for (const Layer* l : loaded.model->layers()) {
    const auto& s = stats->get<GradientMoments>(*l);
    const auto l2 = theirs.find(l->weight_name() + ".l2"),
               l1 = theirs.find(l->weight_name() + ".l1");
    if (l2 == theirs.end() || l1 == theirs.end()) continue;
    ++seen;
    const auto off = [&](const Tensor& ours, const Tensor& other, double tolerance,
                         const char* what) {
      const auto b = other.to(at::kDouble).flatten(1);
      const auto share = ((ours.to(at::kDouble) - b).norm() / b.norm()).item<double>();
      if (!(share <= tolerance)) bench::fail("{}.{}: off by {:.2e}", l->name, what, share);
      worst = std::max(worst, share / tolerance);
    };
    off(s.square_sum.sqrt() * 100, l2->second, 1e-3, "l2");  // one rounding to float16
    off(s.abs_sum * 100, l1->second, 5e-3, "l1");            // one per sequence
  }
  if (seen == 0) bench::fail("no recorded tensor is a layer of the model");
  run.pass("gradients", worst);
}

}  // namespace bench::verify
