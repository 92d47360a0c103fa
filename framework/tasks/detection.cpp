// Detection: mean average precision as COCO has it, batch norm with running statistics.
#include "core/detection.h"

#include "base/digest.h"
#include "core/task.h"
#include "data/data.h"
#include "data/images.h"
#include "tasks/average_precision.h"

namespace bench {
namespace {

class DetectionTask : public Task {
 public:
  static Schema schema() {
    return {key("file", "shapes:seed=1,count=200,size=64",
                "pictures with boxes: an address of drawn ones"),
            key("label", "shapes", "the task's name in tables"),
            key("limit", 0, "how many pictures, from the first; 0: all").at_least(0),
            key("score", 0.05, "least score of a box that counts").range(0, 1),
            key("nms", 0.6, "of two boxes of one class that overlap more, the lower one goes")
                .range(0, 1)};
  }
  explicit DetectionTask(const Config& c)
      : source_{c.get<std::string>("file"), 0, 0},
        label_(c.get<std::string>("label")),
        limit_(c.get<int64_t>("limit")),
        rule_{c.get<double>("score"), c.get<double>("nms"), 100} {}

  void check() const override {
    source_.check();
    if (!is_made(source_.file))
      fail("task detection: '{}' has no boxes; it needs shapes:seed=..,count=..,size=..",
           source_.file);
  }
  Accepts accepts() const override { return {.input = Input::Images}; }

  std::vector<Metric> run(const TaskContext& c) const override {
    at::NoGradGuard no_grad;
    const auto all = c.once<Batch>(fmt::format("boxes|{}|{}", source_.file, limit_), [&] {
      return std::make_shared<const Batch>(read_images(source_, 0, limit_));
    });
    const auto n = all->images.size(0), h = all->images.size(2), w = all->images.size(3);
    std::vector<Placed> found, there;
    int64_t classes = 0;
    constexpr int64_t kAtOnce = 64;
    for (int64_t at = 0; at < n; at += kAtOnce) {
      const auto count = std::min(kAtOnce, n - at);
      Batch part;
      part.images = all->images.narrow(0, at, count);
      const auto logits = c.model.forward(part);
      if (!gives_boxes(logits))
        fail(
            "task detection: the model gives classes of whole pictures, no boxes; it needs a "
            "detector, e.g. model=detector8");
      classes = logits.size(1) - 4;
      for (int64_t i = 0; i < count; ++i)
        for (const auto& d : detections(logits[i], h, w, rule_)) found.push_back({at + i, d});
      if (c.progress) c.progress(at + count, n);
    }
    add_truth(*all, there);
    const auto mean = mean_precision(found, there, classes);
    if (c.evidence) {
      Evidence e;
      e.task = label_, e.protocol = kProtocol, e.name = data_set_of(label_);
      e.file = source_.file, e.items = hash(n), e.rows = n;
      c.evidence(e);
    }
    return {metric("map", mean.all, n), metric("ap50", mean.at50, n), metric("ap75", mean.at75, n)};
  }

  Batch probe(const TaskContext&) const override {
    return read_images(source_, 0, limit_ ? std::min<int64_t>(limit_, 2) : 2);
  }

 private:
  static constexpr const char* kProtocol = "coco-map@1";

  static void add_truth(const Batch& all, std::vector<Placed>& there) {
    const auto boxes = all.labels.to(at::kDouble).contiguous();
    const auto* v = boxes.const_data_ptr<double>();
    for (int64_t i = 0; i < boxes.size(0) * boxes.size(1); ++i, v += 5)
      if (v[0] >= 0)
        there.push_back(
            {i / boxes.size(1), {static_cast<int64_t>(v[0]), 1, {v[1], v[2], v[3], v[4]}}});
  }
  std::string hash(int64_t n) const {
    return sha256_hex(fmt::format("{}|{}", data_digest(source_.file), n));
  }
  Metric metric(const char* name, double value, int64_t n) const {
    Metric m{label_, name, value};
    m.n = n;
    m.unit = "share";
    m.protocol = kProtocol;
    m.items_hash = hash(n);
    return m;
  }

  ImageSource source_;
  std::string label_;
  int64_t limit_;
  DetectionRule rule_;
};

BENCH_REGISTER(Task, DetectionTask, "detection",
               .doc = "boxes of objects: mean average precision as COCO has it");

}  // namespace
}  // namespace bench
