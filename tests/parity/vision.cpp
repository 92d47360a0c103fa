#include "parity/vision.h"

#include <algorithm>

#include "data/images.h"

namespace bench::verify {
namespace {

/// Files that could be the model, by extension in order of preference.
fs::path find_vision(const Run& run, const std::string& name) {
  std::vector<fs::path> found;
  for (const auto& folder : run.model_folders()) {
    const auto vision = folder / ".." / "vision";
    if (!fs::is_directory(vision)) continue;
    for (const auto& e : fs::recursive_directory_iterator(vision)) {
      const auto stem = e.path().stem().string(), ext = e.path().extension().string();
      if (ext != ".th" && ext != ".pth" && ext != ".safetensors") continue;
      if (stem == name || stem.rfind(name + "-", 0) == 0) found.push_back(e.path());
    }
  }
  if (found.empty()) throw Missing(name + " is in no vision folder; --models DIR adds one");
  std::sort(found.begin(), found.end());
  return found.front();
}

std::vector<std::pair<int64_t, int64_t>> ranges(const Json& batch, int64_t size) {
  std::vector<std::pair<int64_t, int64_t>> all;
  if (batch.contains("batches")) {
    for (const auto& r : batch.at("batches"))
      all.emplace_back(r[0].get<int64_t>(), r[1].get<int64_t>() - r[0].get<int64_t>() + 1);
    return all;
  }
  const auto text = batch.at("records").get<std::string>();
  const auto dots = text.find("..");
  if (dots == std::string::npos) bench::fail("batch.records '{}' is no range", text);
  const auto first = std::stoll(text), last = std::stoll(text.substr(dots + 2));
  if (const auto of = text.find(" of "); of != std::string::npos)
    size = std::stoll(text.substr(of + 4));
  if (size == 0) size = last - first + 1;
  for (auto at = first; at <= last; at += size)
    all.emplace_back(at, std::min<int64_t>(size, last - at + 1));
  return all;
}

}  // namespace

std::unique_ptr<Model> vision_model(const Run& run, const Json& record) {
  const auto path = record.contains("checkpoint")
                        ? run.data(record.at("checkpoint").get<std::string>())
                        : find_vision(run, record.at("model").get<std::string>());
  return build_model(read_checkpoint(path));
}

Calibration vision_batches(const Run& run, const Json& record, int64_t size) {
  const auto& batch = record.at("batch");
  const auto file = run.data(batch.at("file").get<std::string>()).string();
  Calibration c;
  c.hash = file;
  for (const auto& [first, count] : ranges(batch, size))
    c.batches.push_back(read_cifar(file, first, count));
  return c;
}

std::string short_module(const std::string& name) {
  for (const std::string prefix : {"backbone.", "head.", "module."})
    if (name.rfind(prefix, 0) == 0) return name.substr(prefix.size());
  return name;
}

double relative(const Tensor& ours, const Tensor& theirs) {
  if (ours.sizes() != theirs.sizes()) return 1;
  const auto a = ours.to(at::kDouble), b = theirs.to(at::kDouble);
  return ((a - b).abs().max() / b.abs().max().clamp_min(1e-30)).item<double>();
}

double accuracy(const Model& model, const Calibration& data) {
  at::NoGradGuard no_grad;
  double hits = 0, n = 0;
  for (const auto& b : data.batches) {
    hits += (model.forward(b).argmax(1) == b.labels).sum().item<double>();
    n += static_cast<double>(b.count());
  }
  return hits / n;
}

}  // namespace bench::verify
