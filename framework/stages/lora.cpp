// Recovery of language models: low-rank adapters merged back, or all weights.
#include <cmath>
#include <list>

#include "core/borrowed.h"
#include "data/data.h"
#include "kernels/philox.h"
#include "stages/distillation.h"
#include "tensor/rows.h"

namespace bench {
namespace {

TextTrainer::Objective objective(StageContext& c, const Distillation& teacher) {
  if (!teacher.on()) return {};
  return [&](const std::vector<const TrainingRow*>& rows) { return teacher.loss(c, rows); };
}

Tensor uniform(uint64_t seed, const std::string& name, at::IntArrayRef shape) {
  auto u = at::empty(shape, at::kDouble);
  kernels::fill_uniform({seed, kernels::fnv1a(name), kernels::Purpose::Training}, 0, u.numel(),
                        u.mutable_data_ptr<double>());
  return u;
}

/// LoRA (Hu et al. 2021, arXiv 2106.09685): y = W x + (alpha / r) B A dropout(x), A kaiming-uniform
/// (a = sqrt 5), B = 0. Where a layer has a mask, the product B A is held inside it from the first
/// step, so that what is trained is what is merged: W + (alpha / r) B A has the mask's zeros.
class Lora : public Stage {
 public:
  static Schema schema() {
    return TextTrainingSettings::schema() + Distillation::schema() +
           Schema{key("rank", 8, "r: columns of B").range(1, 4096),
                  key("alpha", 16.0, "the adapter counts alpha / r times").range(0, 1e4),
                  key("dropout", 0.05, "share of the adapter's inputs that a pass leaves out")
                      .range(0, 0.99)};
  }
  explicit Lora(const Config& c)
      : how_(c),
        teacher_(c),
        rank_(c.get<int64_t>("rank")),
        scale_(c.get<double>("alpha") / static_cast<double>(rank_)),
        dropout_(c.get<double>("dropout")) {}
  Accepts accepts() const override { return {.input = Input::Text}; }
  void check(const Method&) const override { data_file(how_.file); }
  std::vector<std::string> files() const override { return {how_.file}; }

  void apply(StageContext& c) const override {
    std::list<Adapter> adapters;
    std::vector<TextTrainer::Learned> learned;
    for (Layer* l : c.model.layers()) {
      if (l->weight.numel() == 0) continue;  // a sublayer that is gone
      auto& a = adapters.emplace_back(made(*l, c.device));
      learned.push_back({l->name + ".lora_A", &a.a});
      learned.push_back({l->name + ".lora_B", &a.b});
    }
    TextTrainer trainer(c, how_, learned, objective(c, teacher_));
    Borrowed borrowed;
    for (auto& a : adapters)
      borrowed.lens(*a.layer,
                    [&](const Layer& l, const Tensor& x) { return seen(l, a, x, trainer); });
    trainer.run([] {});
    report(c, trainer);
    at::NoGradGuard no_grad;
    for (auto& a : adapters)
      a.layer->set_matrix(a.layer->matrix().to(at::kFloat) + a.b.mm(a.a) * scale_);
  }

 private:
  struct Adapter {
    Layer* layer;
    Tensor a, b;  // [r, in], [out, r]
  };

  Adapter made(Layer& l, const at::Device& device) const {
    const auto in = l.columns();
    const auto a = uniform(how_.seed, "lora A " + l.name, {rank_, in}).mul_(2).sub_(1) /
                   std::sqrt(static_cast<double>(in));
    return {&l, a.to(at::kFloat).to(device),
            at::zeros({l.rows(), rank_}, at::TensorOptions(device).dtype(at::kFloat))};
  }

  Tensor seen(const Layer& l, const Adapter& a, const Tensor& x, const TextTrainer& t) const {
    const auto plain = without_lens(l, x);
    const auto in = at::GradMode::is_enabled() ? dropped(l, x, t.pass()) : x;
    if (!l.mask.defined()) return plain + at::linear(at::linear(in, a.a), a.b) * scale_;
    return plain + at::linear(in, a.b.mm(a.a).masked_fill(~l.mask, 0)) * scale_;
  }

  Tensor dropped(const Layer& l, const Tensor& x, int64_t pass) const {
    if (dropout_ == 0) return x;
    const auto u = uniform(how_.seed, fmt::format("dropout {} {}", pass, l.name), x.sizes());
    return x * (u >= dropout_).to(x.device(), x.scalar_type()) / (1 - dropout_);
  }

  TextTrainingSettings how_;
  Distillation teacher_;
  int64_t rank_;
  double scale_, dropout_;
};

/// Every parameter of the model, masks obeyed after each step; or biases and scales of norms alone
/// (PERP, Zimmer et al. 2023, arXiv 2312.15230: less than a thousandth of the parameters).
class FineTune : public Stage {
 public:
  static Schema schema() {
    return TextTrainingSettings::schema() + Distillation::schema() +
           Schema{key("parameters", "all", "which learn; vectors: biases and scales of norms alone")
                      .one_of({"all", "vectors"})};
  }
  explicit FineTune(const Config& c)
      : how_(c), teacher_(c), vectors_(c.get<std::string>("parameters") == "vectors") {}
  Accepts accepts() const override { return {.input = Input::Text}; }
  void check(const Method&) const override { data_file(how_.file); }
  std::vector<std::string> files() const override { return {how_.file}; }

  void apply(StageContext& c) const override {
    std::vector<TextTrainer::Learned> learned;
    for (auto& t : c.model.tensors())
      if (t.parameter && t.tensor->defined() && t.tensor->numel() > 0 &&
          (!vectors_ || t.tensor->dim() == 1))
        learned.push_back({t.name, t.tensor});
    if (learned.empty()) fail("stage finetune: the model has no biases and no norms to train");
    TextTrainer trainer(c, how_, learned, objective(c, teacher_));
    trainer.run([&] {
      for (Layer* l : c.model.layers())
        if (l->mask.defined()) l->set_matrix(l->flat());
    });
    report(c, trainer);
  }

 private:
  TextTrainingSettings how_;
  Distillation teacher_;
  bool vectors_;
};

BENCH_REGISTER(Stage, Lora, "lora",
               .doc = "low-rank adapters on a language model, merged inside masks",
               .source = "Hu et al. 2021, arXiv 2106.09685", .year = 2021, .when = About::When::Any,
               .data = About::Data::Unlabelled, .how = About::How::Learned);
BENCH_REGISTER(Stage, FineTune, "finetune",
               .doc = "all parameters of a language model, masks obeyed",
               .source = "Sun et al. 2023, arXiv 2306.11695", .year = 2023,
               .when = About::When::Any, .data = About::Data::Unlabelled,
               .how = About::How::Learned);

}  // namespace
}  // namespace bench
