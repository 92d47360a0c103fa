// Image classification: top-1 accuracy, batch norm with running statistics.
#include "base/error.h"
#include "base/digest.h"
#include "data/data.h"
#include "data/images.h"
#include "tasks/top_one.h"

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
  Accepts accepts() const override { return {.input = Input::Images}; }

  std::vector<Metric> run(const TaskContext& c) const override {
    at::NoGradGuard no_grad;
    const auto key = fmt::format("images|{}|{}|{}|{}", source_.file, limit_, source_.resize,
                                 source_.center_crop);
    const auto all = c.once<Batch>(
        key, [&] { return std::make_shared<const Batch>(read_images(source_, 0, limit_)); });
    auto m = top_one(c.model, *all, "task classification: " + source_.file, c.progress);
    m.task = label_;
    m.protocol = "top1@1";
    m.items_hash = sha256_hex(fmt::format("{}|{}", data_digest(source_.file), m.n));
    if (c.evidence) {
      Evidence e;
      e.task = m.task, e.protocol = m.protocol, e.name = data_set_of(label_);
      e.file = source_.file, e.items = m.items_hash, e.rows = m.n;
      c.evidence(e);
    }
    return {m};
  }

  Batch probe(const TaskContext&) const override {
    constexpr int64_t kImages = 4;
    try {
      return read_images(source_, 0, limit_ ? std::min(limit_, kImages) : kImages);
    } catch (const Error&) {
      return read_images(source_, 0, 1);  // a set of fewer pictures
    }
  }

 private:
  ImageSource source_;
  std::string label_;
  int64_t limit_;
};

BENCH_REGISTER(Task, Classification, "classification", .doc = "top-1 accuracy on images");

}  // namespace
}  // namespace bench
