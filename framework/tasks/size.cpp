// How large the model is as it stands: parameters, bytes, multiply-accumulates of one input.
#include "core/task.h"
#include "measure/cost.h"

namespace bench {
namespace {

/// Linear layers and the head at every token, and both products of attention over all pairs of
/// tokens, as counters of FLOPs for PyTorch count them (LLM-Pruner, README: 424.02G of LLaMA-7B at
/// 64 tokens, norms and biases included; without them 423.93G).
double macs_of_text(Model& model, int64_t tokens) {
  const auto n = static_cast<double>(tokens);
  double each = 0, pairs = 0;
  for (const Layer* l : model.layers())
    each += static_cast<double>(l->parameters()) * l->rows_share;
  if (const auto head = model.classifier().weight; head.defined())
    each += static_cast<double>(head.numel());
  for (const auto& g : model.groups("head"))
    for (const auto& s : g.slices)
      if (s.dim == Slice::In) pairs += 2 * static_cast<double>(s.layer->columns());
  return n * each + n * n * pairs;
}

/// Of an image: what the first convolution reads, be it prunable or the patches of a transformer.
int64_t channels_of(Model& model) {
  for (const auto& t : model.tensors())
    if (t.parameter && t.tensor->defined() && t.tensor->dim() == 4) return t.tensor->size(1);
  const Layer& first = *model.layers().front();
  return first.columns() / first.columns_per_channel();
}

double macs_of_image(Model& model, int64_t side, const at::Device& device) {
  Batch one;
  one.images = at::full({1, channels_of(model), side, side}, 128, at::TensorOptions(device));
  double macs = 0;
  for (const auto& [layer, positions] : output_positions(model, one))
    macs += static_cast<double>(layer->parameters()) * static_cast<double>(positions);
  return macs;
}

class Size : public Task {
 public:
  static Schema schema() {
    return {key("length", 64, "text: of a sequence whose multiply-accumulates are counted")
                .range(1, 1 << 20)
                .in("tokens"),
            key("image", 32, "images: height and width of the one that is counted")
                .range(1, 4096)
                .in("pixels")};
  }
  explicit Size(const Config& c)
      : length_(c.get<int64_t>("length")), image_(c.get<int64_t>("image")) {}

  Accepts accepts() const override { return {}; }
  std::vector<Metric> run(const TaskContext& c) const override {
    double parameters = 0, nonzero = 0, bytes = 0, linear = 0;
    for (const auto& t : c.model.tensors()) {
      if (!t.tensor->defined()) continue;
      bytes += static_cast<double>(t.tensor->nbytes());
      if (!t.parameter) continue;
      parameters += static_cast<double>(t.tensor->numel());
      nonzero += static_cast<double>(at::count_nonzero(*t.tensor).item<int64_t>());
    }
    for (const Layer* l : c.model.layers()) {
      linear += static_cast<double>(l->parameters());
      if (const auto* f = l->quantised())
        bytes += f->bytes() - static_cast<double>(l->weight.nbytes());
    }
    const bool text = c.model.input() != Input::Images;
    auto macs = one(
        "macs", text ? macs_of_text(c.model, length_) : macs_of_image(c.model, image_, c.device),
        "MACs");
    macs.protocol += text ? fmt::format(" of {} tokens", length_)
                          : fmt::format(" of {} x {} pixels", image_, image_);
    return {one("parameters", parameters, "parameters"), one("nonzero", nonzero, "parameters"),
            one("prunable", linear, "weights"), one("bytes", bytes, "bytes"), std::move(macs)};
  }

 private:
  static Metric one(const char* name, double value, const char* unit) {
    Metric m{"size", name, value};
    m.n = 1;
    m.unit = unit;
    m.protocol = "size@1";
    m.higher_is_better = false;
    m.directed = false;  // what a model is, not how good it is
    return m;
  }

  int64_t length_, image_;
};

BENCH_REGISTER(Task, Size, "size",
               .doc = "parameters, bytes and multiply-accumulates of the model");

}  // namespace
}  // namespace bench
