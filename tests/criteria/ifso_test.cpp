// IFSO's algebra (ifso.md 1.6) on a smooth network without norms, and on one with norms.
#include <torch/csrc/autograd/autograd.h>

#include "by_hand.h"
#include "tiny_vision.h"

using namespace bench;
using namespace bench::test;

namespace {

/// Three linear layers with softplus between them, on 3x4x4 images.
class Smooth : public Model {
 public:
  Input input() const override { return Input::Images; }
  Tensor loss(const Batch& batch) const override { return image_loss(*this, batch); }
  Smooth() {
    int64_t in = 48;
    uint64_t state = 88172645463325252u;
    for (const int64_t out : {8, 6, 10}) {
      Layer l;
      l.name = fmt::format("l{}", layers_.size());
      auto w = at::empty({out, in}, at::kFloat);
      for (int64_t i = 0; i < w.numel(); ++i) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        w.mutable_data_ptr<float>()[i] = static_cast<float>(
            (static_cast<double>(state >> 40) / (1 << 24) - 0.5) * 3 / std::sqrt(double(in)));
      }
      l.weight = w;
      layers_.push_back(l);
      in = out;
    }
  }
  Tensor stem(const Batch& b) const override { return b.images.flatten(1); }
  Tensor block(int64_t i, const Tensor& x, const Batch&) const override {
    const auto y = layers_[static_cast<size_t>(i)](x);
    return i < 2 ? at::softplus(y) : y;
  }
  Tensor features(const Tensor& h, const Batch&) const override { return h; }
  int64_t block_count() const override { return 3; }
  using Model::layers;
  std::vector<Layer*> layers(int64_t b) override { return {&layers_[static_cast<size_t>(b)]}; }
  std::vector<Group> groups(const std::string&) override {
    std::vector<Group> all;
    for (size_t i = 0; i < 2; ++i) {
      Group g{fmt::format("g{}", i), "channel", int64_t(i), int64_t(i) + 1};
      g.units = layers_[i].rows();
      g.slices = {{&layers_[i + 1], Slice::In}, {&layers_[i], Slice::Out}};
      all.push_back(g);
    }
    return all;
  }
  std::vector<Named> tensors() override {
    std::vector<Named> all;
    for (auto& l : layers_) all.push_back({l.weight_name(), &l.weight});
    return all;
  }

 private:
  std::vector<Layer> layers_;
};

Calibration little_images() {
  Calibration c;
  Batch b;
  b.images = at::sin(at::arange(16 * 48, at::kFloat) * 1.7).reshape({16, 3, 4, 4});
  b.labels = at::arange(16, at::kLong) % 10;
  c.batches = {b};
  return c;
}

std::vector<Tensor> scores(Model& model, const Calibration& data, Value::Map settings) {
  const auto c = criterion("ifso", std::move(settings));
  const auto stats =
      collect({model, {0, model.block_count()}, data, model.layers()}, c->needs(), Pass::Global);
  std::vector<Tensor> all;
  for (const Layer* l : model.layers())
    all.push_back(c->score(View(*l), *stats)[0].to(at::kDouble));
  return all;
}

double far(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  return ((at::cat(a) - at::cat(b)).norm() / at::cat(b).norm()).item<double>();
}

}  // namespace

TEST_CASE("ifso: the scaling identity, on weights alone", "[ifso]") {
  Smooth model;
  auto data = little_images();
  const auto found = scores(model, data, {{"backend", "exact"}, {"dtype", "float64"}});
  // s_c = (1 / lambda) | W_c^T [H v']_c + g_c^T v'_c |, v' = H W + g, on weights alone.
  const Snapshot before(model);
  std::vector<Tensor> w;
  for (Layer* l : model.layers())
    w.push_back(l->weight = l->weight.to(at::kDouble).detach().requires_grad_());
  auto batch = data.batches.front();
  batch.images = batch.images.to(at::kDouble);
  const auto hvp = [&](const std::vector<Tensor>& v) {
    const auto g = torch::autograd::grad({model.loss(batch)}, w, {}, {}, true);
    auto dot = at::zeros({}, at::kDouble);
    for (size_t i = 0; i < g.size(); ++i) dot = dot + (g[i] * v[i].detach()).sum();
    return torch::autograd::grad({dot}, w);
  };
  const auto g = torch::autograd::grad({model.loss(batch)}, w);
  auto v = hvp(w);
  for (size_t i = 0; i < v.size(); ++i) v[i] = v[i] + g[i];
  const auto hv = hvp(v);
  std::vector<Tensor> by_identity;
  for (size_t i = 0; i < w.size(); ++i)
    by_identity.push_back(((w[i] * hv[i] + g[i] * v[i]).sum(0).abs() / 1e-4).detach());
  before.restore(model);
  CHECK(far(found, by_identity) < 1e-6);  // scores leave as float32
}

TEST_CASE("ifso: lambda scales all scores alike", "[ifso]") {
  Smooth model;
  const auto data = little_images();
  const auto a = scores(model, data, {{"backend", "exact"}, {"lambda", 1e-4}});
  auto b = scores(model, data, {{"backend", "exact"}, {"lambda", 1e-2}});
  for (auto& t : b) t = t * 100;
  CHECK(far(a, b) < 1e-5);
  const auto c = scores(model, data, {{"dtype", "float64"}, {"lambda", 1e-4}});
  auto d = scores(model, data, {{"dtype", "float64"}, {"lambda", 1e-2}});
  for (auto& t : d) t = t * 100;
  CHECK(far(c, d) < 1e-6);
}

TEST_CASE("ifso: differences meet the exact scores as r squared on a smooth network", "[ifso]") {
  Smooth model;
  const auto data = little_images();
  const auto exact = scores(model, data, {{"backend", "exact"}, {"dtype", "float64"}});
  const auto coarse = scores(model, data, {{"dtype", "float64"}, {"step", 1e-1}});
  const auto fine = scores(model, data, {{"dtype", "float64"}, {"step", 1e-2}});
  CHECK(far(fine, exact) < 0.05);
  CHECK(far(coarse, exact) / far(fine, exact) > 30);
  CHECK(far(coarse, exact) / far(fine, exact) < 300);
}

TEST_CASE("ifso: a score of two batches costs at most 8.5 passes", "[ifso]") {
  struct Counting : Smooth {
    mutable int forward = 0, backward = 0;
    Tensor features(const Tensor& h, const Batch&) const override {
      ++forward;
      if (h.requires_grad()) h.register_hook([this](const Tensor&) { ++backward; });
      return h;
    }
  } model;
  auto data = little_images();
  data.batches.push_back(data.batches.front());
  scores(model, data, {});
  CHECK(model.backward == 8);
  CHECK(model.forward == 9);  // one counts what layers give; a backward pass is two forward ones
  CHECK((model.forward + 2 * model.backward) / 3.0 <= 8.5);
}

TEST_CASE("ifso: behind batch norms only the classifier's mask has a direction", "[ifso]") {
  // H_wm 1 of all layers equals the derivative along the classifier's mask alone, but for the
  // norms' eps: scaling the input of a convolution before a norm changes nothing.
  const auto model = tiny_vision("resnet_b");
  auto batch = tiny_images(16).batches.front();
  batch.batch_statistics = true;
  const auto layers = model->layers();
  const auto along = [&](bool all) {
    const Snapshot before(*model);
    std::vector<Tensor> w, gates;
    for (const auto& t : model->tensors())
      if (t.tensor->defined() && t.tensor->is_floating_point())
        *t.tensor = t.tensor->to(at::kDouble);
    for (Layer* l : layers) {
      w.push_back(l->weight = l->weight.detach().requires_grad_());
      const bool on = all || l == layers.back();
      l->gate = at::ones({l->weight.size(1)}, at::kDouble);
      if (on) gates.push_back(l->gate = l->gate.requires_grad_());
    }
    auto b = batch;
    b.images = b.images.to(at::kDouble);
    const auto g = torch::autograd::grad({model->loss(b)}, gates, {}, {}, true);
    auto sum = at::zeros({}, at::kDouble);
    for (const auto& t : g) sum = sum + t.sum();
    const auto a = torch::autograd::grad({sum}, w, {}, {}, false, true);
    std::vector<Tensor> flat;
    for (size_t i = 0; i < a.size(); ++i)
      flat.push_back((a[i].defined() ? a[i] : at::zeros_like(w[i])).detach().flatten());
    for (Layer* l : layers) l->gate = Tensor();
    before.restore(*model);
    return at::cat(flat);
  };
  const auto all = along(true), last = along(false);
  CHECK(((all - last).norm() / last.norm()).item<double>() < 0.05);
}

TEST_CASE("ifso: costs divide, and in-place differences leave their drift", "[ifso]") {
  const auto model = tiny_vision("resnet_b");
  const auto data = tiny_images(8);
  const auto units_of = [&](Value::Map settings) {
    const auto c = criterion("ifso", std::move(settings));
    const auto stats = collect({*model, {0, model->block_count()}, data, model->layers()},
                               c->needs(), Pass::Global);
    return c->units(model->groups("channel").front(), *stats);  // layer1.0.conv2 reads 4 channels
  };
  Value::Map exact{{"backend", "exact"}, {"delta", Value("none")}};
  const auto plain = units_of(exact);
  exact.back().value = "acts";
  CHECK(at::allclose(units_of(exact), plain / (std::sqrt(8 * 1024.0) / 1e6), 1e-5, 0));
  exact.back().value = "flops";
  const double flops = 8 * 1024.0 * 9 * (4 + 4);
  CHECK(at::allclose(units_of(exact), plain / (std::sqrt(flops) / 1e9), 1e-5, 0));
  exact.push_back({"normalizer", "linear"});
  CHECK(at::allclose(units_of(exact), plain / (flops / 1e9), 1e-5, 0));

  exact.push_back({"singles", Value("float32")});
  CHECK(units_of(exact).scalar_type() == at::kFloat);  // one layer reads these channels

  const auto before = weight_hash(*model);
  units_of({{"backend", "fd"}, {"delta", Value("none")}});
  CHECK(weight_hash(*model) == before);  // probing leaves no trace
  const auto weights = model->layers()[1]->weight;
  units_of({{"arithmetic", "in_place"}, {"delta", Value("none")}});
  CHECK(weight_hash(*model) != before);  // the released code's arithmetic does
  CHECK(at::allclose(model->layers()[1]->weight, weights, 1e-4, 1e-6));
}
