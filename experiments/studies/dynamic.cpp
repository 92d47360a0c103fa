// Contrast C7 (criteria.md 1.2): a fixed mask against one that depends on the image, at equal cost.
// In every group of channels with one writer and one reader the same number of channels is kept.
// Channels are ranked before they are computed, by what the writer's input promises them: the mean
// magnitude of each input channel times the l1 norm of the filter over it (the predictor of
// feature boosting and suppression, Gao et al. 2019, arXiv 1810.05331, eq. 5-6, with norms in place
// of a trained layer). Dynamic: ranked for each image; static: by the mean over other images;
// random: drawn once. What is not kept is neither written nor read, so that all three cost the
// same.
#include "base/digest.h"
#include "measure/cost.h"
#include "core/borrowed.h"
#include "tensor/rows.h"
#include "data/data.h"
#include "data/images.h"
#include "kernels/philox.h"
#include "tasks/top_one.h"

namespace bench {
namespace {

/// The two layers of a group, and which channels are kept: bool [images or 1, units].
struct Gate {
  Layer* writer;
  Layer* reader;
  int64_t units, kept;
  Tensor keep, sum;  // sum [units]: what images promised so far
};

/// [images, out]
Tensor promise(const Layer& l, const Tensor& x) {
  const auto in = x.dim() == 4 ? x.abs().mean({2, 3}) : x.abs();
  const auto w = l.weight.abs();
  return linear_rows(in, w.dim() == 4 ? w.sum({2, 3}) : w, {});
}

/// bool of the shape of `score`: its `kept` highest of every row, the first of equals.
Tensor highest(const Tensor& score, int64_t kept) {
  const auto order = score.argsort(true, 1, true).slice(1, 0, kept);
  return at::zeros_like(score, at::kBool).scatter(1, order, true);
}

Tensor masked(const Tensor& x, const Tensor& keep) {
  if (x.dim() == 4) return x * keep.unsqueeze(-1).unsqueeze(-1).to(x.scalar_type());
  return x * keep.repeat_interleave(x.size(1) / keep.size(1), 1).to(x.scalar_type());
}

class Dynamic : public Task {
 public:
  static Schema schema() {
    return Schema{key("file", "vision/cifar10_test932.bin", "images that are classified"),
                  key("label", "dynamic", "the task's name in tables"),
                  key("limit", 0, "how many images, from the first; 0: all").at_least(0),
                  key("share", 0.5, "of the channels of every group that is not computed")
                      .range(0, 0.99),
                  key("static_file", "vision/cifar10_train2000.bin",
                      "images that the fixed mask is found on"),
                  key("static_images", 256, "how many of them").at_least(1),
                  key("seed", 0, "of the random mask").at_least(0)} +
           ImageSource::keys();
  }
  explicit Dynamic(const Config& c)
      : source_(ImageSource::from(c)),
        other_{c.get<std::string>("static_file"), source_.resize, source_.center_crop},
        label_(c.get<std::string>("label")),
        limit_(c.get<int64_t>("limit")),
        images_(c.get<int64_t>("static_images")),
        share_(c.get<double>("share")),
        seed_(static_cast<uint64_t>(c.get<int64_t>("seed"))) {}

  void check() const override {
    source_.check();
    other_.check();
  }
  std::vector<std::string> files() const override { return {source_.file, other_.file}; }
  Accepts accepts() const override { return {.input = Input::Images}; }

  std::vector<Metric> run(const TaskContext& c) const override {
    at::NoGradGuard no_grad;
    auto gates = found(c.model);
    Borrowed lenses;
    const auto all = read_images(source_, 0, limit_), calibration = read_images(other_, 0, images_);
    std::vector<Metric> out{accuracy(c, "acc", all)};
    watch(gates, lenses);
    top_one(c.model, calibration, "task dynamic: " + other_.file);
    for (auto& g : gates) g.keep = highest(g.sum.unsqueeze(0), g.kept);
    apply(gates, false, lenses);
    out.push_back(accuracy(c, "acc_static", all));
    for (auto& g : gates) g.keep = highest(drawn(g), g.kept);
    out.push_back(accuracy(c, "acc_random", all));
    apply(gates, true, lenses);
    out.push_back(accuracy(c, "acc_dynamic", all));
    lenses.give_back();
    out.push_back(cost(c, gates, all));
    return out;
  }

  Batch probe(const TaskContext&) const override {
    return read_images(source_, 0, limit_ ? std::min<int64_t>(limit_, 4) : 4);
  }

 private:
  std::vector<Gate> found(Model& model) const {
    std::vector<Gate> all;
    for (const auto& g : model.groups("channel")) {
      Layer *writer = nullptr, *reader = nullptr;
      if (g.slices.size() != 2) continue;  // coupled: several writers or readers
      for (const auto& s : g.slices) (s.dim == Slice::Out ? writer : reader) = s.layer;
      if (!writer || !reader) continue;
      const auto gone = static_cast<int64_t>(share_ * static_cast<double>(g.units));
      all.push_back({writer, reader, g.units, std::max<int64_t>(1, g.units - gone), {}, {}});
    }
    if (all.empty()) fail("task dynamic: the model has no channels with one writer and one reader");
    return all;
  }

  static void watch(std::vector<Gate>& gates, Borrowed& lenses) {
    for (auto& g : gates) {
      g.sum = at::zeros({g.units}, g.writer->weight.options());
      lenses.lens(*g.writer, [&g](const Layer& l, const Tensor& x) {
        for (const auto& one : promise(l, x).split(1)) g.sum = g.sum + one[0];
        return without_lens(l, x);
      });
    }
  }

  static void apply(std::vector<Gate>& gates, bool by_image, Borrowed& lenses) {
    for (auto& g : gates) {
      lenses.lens(*g.writer, [&g, by_image](const Layer& l, const Tensor& x) {
        if (by_image) g.keep = highest(promise(l, x), g.kept);
        return without_lens(l, x);
      });
      // A norm and a ReLU lie between: what is not kept is zero where it is read.
      lenses.lens(*g.reader, [&g](const Layer& l, const Tensor& x) {
        return without_lens(l, masked(x, g.keep));
      });
    }
  }

  Tensor drawn(const Gate& g) const {
    std::vector<double> u(static_cast<size_t>(g.units));
    kernels::fill_uniform(
        {seed_, kernels::fnv1a("dynamic " + g.writer->name), kernels::Purpose::RandomCriterion}, 0,
        g.units, u.data());
    return at::tensor(u, at::kDouble).unsqueeze(0).to(g.writer->weight.device());
  }

  Metric accuracy(const TaskContext& c, const std::string& name, const Batch& all) const {
    auto m = top_one(c.model, all, "task dynamic: " + source_.file);
    m.task = label_;
    m.name = name;
    m.protocol = protocol();
    m.items_hash = sha256_hex(
        fmt::format("{}|{}|{}", data_digest(source_.file), data_digest(other_.file), m.n));
    return m;
  }
  std::string protocol() const { return fmt::format("dynamic@1 share {:g}", share_); }

  /// Multiply-accumulates that are left, as a share of all: the same in all three arms.
  Metric cost(const TaskContext& c, const std::vector<Gate>& gates, const Batch& all) const {
    Batch one;
    one.images = all.images.narrow(0, 0, 1);
    const auto positions = output_positions(c.model, one);
    const auto full = static_cast<double>(cost_of(c.model, positions).macs);
    const Restored before(c.model);
    for (const auto& g : gates) {
      auto rows = at::ones({g.writer->rows(), g.writer->columns()}, at::kBool);
      rows.narrow(0, g.kept, g.units - g.kept).fill_(false);
      g.writer->set_mask(rows.to(g.writer->weight.device()));
      const auto width = g.reader->columns() / g.units;
      auto columns = at::ones({g.reader->rows(), g.reader->columns()}, at::kBool);
      columns.narrow(1, g.kept * width, (g.units - g.kept) * width).fill_(false);
      g.reader->set_mask(columns.to(g.reader->weight.device()));
    }
    Metric m{label_, "macs_left", static_cast<double>(cost_of(c.model, positions).macs) / full};
    m.n = 1;
    m.unit = "share";
    m.protocol = protocol();
    m.higher_is_better = false;
    return m;
  }

  ImageSource source_, other_;
  std::string label_;
  int64_t limit_, images_;
  double share_;
  uint64_t seed_;
};

BENCH_REGISTER(Task, Dynamic, "dynamic",
               .doc = "study: a fixed mask of channels against one for each image, at equal cost");

}  // namespace
}  // namespace bench
