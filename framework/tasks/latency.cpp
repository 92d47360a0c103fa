// How fast the model is as it stands, against the dense model in the same minute on the same
// machine: the two are timed in turn.
#include <algorithm>
#include <chrono>
#include <cmath>

#include "core/task.h"
#include "tasks/generate.h"
#include "tensor/device.h"

namespace bench {
namespace {

using Clock = std::chrono::steady_clock;

struct Times {
  std::vector<double> prefill, decode;  // seconds of one pass; seconds per token of one run
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const auto n = values.size();
  return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

/// Standard error of a median by order statistics: half of the distance between the ranks
/// n/2 +- sqrt(n)/2, between which the median lies in about 68 % (binomial).
double spread(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const auto n = static_cast<double>(values.size());
  const auto at = [&](double rank) {
    const auto i = std::clamp(std::lround(rank), long{0}, static_cast<long>(values.size()) - 1);
    return values[static_cast<size_t>(i)];
  };
  const double half = std::sqrt(n) / 2, middle = (n - 1) / 2;
  return (at(middle + half) - at(middle - half)) / 2;
}

/// A model whose tensors all have the dense shapes does the dense model's work: no kernel here
/// makes use of zeros.
bool smaller(Model& a, Model& dense) {
  const auto x = a.tensors(), y = dense.tensors();
  if (x.size() != y.size()) return true;
  for (size_t i = 0; i < x.size(); ++i)
    if (x[i].tensor->defined() && x[i].tensor->sizes() != y[i].tensor->sizes()) return true;
  return false;
}

class Latency : public Task {
 public:
  static Schema schema() {
    return {key("prefill", 128, "tokens of the prompt; images: how many at once").range(1, 1 << 20),
            key("image", 32, "height and width of an image").range(1, 4096).in("pixels"),
            key("decode", 32, "tokens made one by one after it").range(1, 1 << 20),
            key("repeats", 7, "timed runs of each model, in turn").range(3, 1000),
            key("warmup", 1, "runs before them that do not count").range(0, 100)};
  }
  explicit Latency(const Config& c)
      : prefill_(c.get<int64_t>("prefill")),
        image_(c.get<int64_t>("image")),
        decode_(c.get<int64_t>("decode")),
        repeats_(c.get<int64_t>("repeats")),
        warmup_(c.get<int64_t>("warmup")) {}

  Accepts accepts() const override { return {}; }
  std::vector<Metric> run(const TaskContext& c) const override {
    const bool text = c.model.input() != Input::Images;
    if (text && prefill_ + decode_ > c.model.max_length())
      fail("latency: {} + {} tokens are more than the model's {}; make prefill or decode smaller",
           prefill_, decode_, c.model.max_length());
    const auto dense = c.dense();
    const bool other = smaller(c.model, *dense);
    Times ours, theirs;
    for (int64_t i = -warmup_; i < repeats_; ++i) {
      Times none;
      time(c.model, c.device, i < 0 ? none : ours);
      if (other) time(*dense, c.device, i < 0 ? none : theirs);
      if (c.progress) c.progress(std::max<int64_t>(0, i + 1), repeats_);
    }
    std::vector<Metric> all;
    const auto unit = text ? "tokens/s" : "images/s";
    add(all, "prefill", unit, double(prefill_), ours.prefill, theirs.prefill);
    if (text) add(all, "decode", unit, 1, ours.decode, theirs.decode);
    return all;
  }

 private:
  void time(Model& model, const at::Device& device, Times& times) const {
    const auto since = [&](Clock::time_point begin) {
      synchronize(device);
      return std::chrono::duration<double>(Clock::now() - begin).count();
    };
    const auto begin = Clock::now();
    if (model.input() == Input::Images) {
      Batch batch;
      const Layer& first = *model.layers().front();
      const auto channels = first.columns() / first.columns_per_channel();
      batch.images = at::full({prefill_, channels, image_, image_}, 128, at::TensorOptions(device));
      at::NoGradGuard no_grad;
      model.forward(batch);
      times.prefill.push_back(since(begin));
      return;
    }
    Sequence prompt;  // ids that every vocabulary has
    for (int64_t i = 0; i < prefill_; ++i) prompt.push_back(3 + i % 50);
    Continuations one(model, {prompt});
    one.step();
    times.prefill.push_back(since(begin));
    const auto middle = Clock::now();
    for (int64_t i = 0; i < decode_; ++i) one.step();
    times.decode.push_back(since(middle) / double(decode_));
  }

  void add(std::vector<Metric>& all, const std::string& what, const char* unit, double amount,
           const std::vector<double>& ours, const std::vector<double>& dense) const {
    const double time = median(ours);
    all.push_back(metric(what, amount / time, amount / time * spread(ours) / time, unit));
    Metric ratio = metric(what + "_speedup", 1, 0, "dense / pruned; no kernel uses this mask");
    if (!dense.empty()) {
      std::vector<double> ratios;  // of neighbours in time
      for (size_t i = 0; i < ours.size(); ++i) ratios.push_back(dense[i] / ours[i]);
      ratio = metric(what + "_speedup", median(ratios), spread(ratios), "dense / pruned");
    }
    all.push_back(std::move(ratio));
  }

  Metric metric(const std::string& name, double value, double error, const char* unit) const {
    Metric m{"latency", name, value};
    m.stderr_ = error;
    m.n = repeats_;
    m.unit = unit;
    m.protocol = fmt::format("latency@1 prefill {} decode {}", prefill_, decode_);
    m.higher_is_better = true;
    return m;
  }

  int64_t prefill_, image_, decode_, repeats_, warmup_;
};

BENCH_REGISTER(
    Task, Latency, "latency",
    .doc = "tokens per second of a prompt and of decoding, and the dense model's time over it");

}  // namespace
}  // namespace bench
