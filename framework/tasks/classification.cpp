// Image classification: top-1 accuracy, batch norm with running statistics.
#include "base/digest.h"
#include "core/task.h"
#include "io/data.h"
#include "io/images.h"

namespace bench {
namespace {

class Classification : public Task {
 public:
  static Schema schema() {
    return Schema{required("file", Key::Type::String,
                           "images with labels: CIFAR-10 binary, IDX, a folder or tar of JPEG"),
                  key("label", "", "the task's name in tables; empty: the file's name"),
                  key("limit", 0, "how many images, from the first; 0: all").at_least(0)} +
           ImageSource::keys();
  }
  explicit Classification(const Config& c)
      : source_(ImageSource::from(c)),
        label_(c.get<std::string>("label")),
        limit_(c.get<int64_t>("limit")) {
    if (label_.empty()) label_ = std::filesystem::path(source_.file).stem().string();
  }

  void check() const override { source_.check(); }
  bool reads(bool images) const override { return images; }

  std::vector<Metric> run(const TaskContext& c) const override {
    at::NoGradGuard no_grad;
    const auto key = fmt::format("images|{}|{}|{}|{}", source_.file, limit_, source_.resize,
                                 source_.center_crop);
    const auto all = c.once<Batch>(
        key, [&] { return std::make_shared<const Batch>(read_images(source_, 0, limit_)); });
    if (all->labels.dim() > 1)
      fail(
          "task classification: {} has boxes and no classes of whole images; task=shapes measures "
          "them",
          source_.file);
    Metric m{label_, "acc"};
    m.n = all->images.size(0);
    m.unit = "share";
    m.protocol = "top1@1";
    constexpr int64_t kAtOnce = 128;
    for (int64_t at = 0; at < m.n; at += kAtOnce) {
      const auto count = std::min(kAtOnce, m.n - at);
      Batch part;
      part.images = all->images.narrow(0, at, count).to(c.device);
      part.labels = all->labels.narrow(0, at, count);
      const auto logits = c.model.forward(part);
      if (logits.dim() != 2)
        fail("task classification: the model gives boxes and no classes of whole images");
      const auto hit = logits.argmax(1).cpu() == part.labels;
      for (int64_t i = 0; i < count; ++i) m.items.push_back(hit[i].item<bool>() ? 1.0f : 0.0f);
      if (c.progress) c.progress(at + count, m.n);
    }
    double hits = 0, n = static_cast<double>(m.n);
    for (const auto h : m.items) hits += h;
    m.value = hits / n;
    if (n > 1) m.stderr_ = std::sqrt(m.value * (1 - m.value) / (n - 1));
    m.items_hash = sha256_hex(fmt::format("{}|{}", data_digest(source_.file), m.n));
    if (c.evidence) {
      Evidence e;
      e.task = m.task, e.protocol = m.protocol, e.name = data_set_of(label_);
      e.file = source_.file, e.items = m.items_hash, e.rows = m.n;
      c.evidence(e);
    }
    return {m};
  }

  Batch probe(const TaskContext& c) const override {
    constexpr int64_t kImages = 4;
    auto few = read_images(source_, 0, limit_ ? std::min(limit_, kImages) : kImages);
    few.images = few.images.to(c.device);
    return few;
  }

 private:
  ImageSource source_;
  std::string label_;
  int64_t limit_;
};

BENCH_REGISTER(Task, Classification, "classification", "top-1 accuracy on images");

}  // namespace
}  // namespace bench
