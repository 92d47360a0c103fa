// Mask certificates: planted faults are found and named.
#include "walk/certificate.h"

#include "fixture.h"
#include "walk/sparsity.h"

using namespace bench;
using namespace bench::test;

namespace {

Pattern two_of_four() {
  Pattern p;
  p.kind = Pattern::NM;
  p.keep = 2, p.of = 4;
  return p;
}

/// Magnitude under a pattern, on the shipped model.
Model& pruned(const Pattern& pattern, double target = 0.5) {
  auto& s = shipped("stories260k");
  Method m;
  m.criterion = Registry<Criterion>::instance().create("magnitude");
  m.allocator = Registry<Allocator>::instance().create("uniform");
  m.pattern = pattern;
  Calibration none;
  prune(*s.model, m, target, none);
  return *s.model;
}

Layer& a_layer(Model& model) {
  return *model.layers(2)[4];
}

/// Puts a value at a place of the weights, without regard to the mask.
void plant(Layer& layer, int64_t row, int64_t column, float value) {
  auto matrix = layer.matrix().clone();
  matrix[row][column] = value;
  layer.weight = matrix.reshape(layer.weight.sizes());
}

/// The first masked entry of a row.
int64_t masked_column(const Layer& layer, int64_t row) {
  return (~layer.mask[row]).to(at::kByte).argmax().item<int64_t>();
}

}  // namespace

TEST_CASE("certificate: counts by layer, and the hash of the masks", "[certificate]") {
  auto& model = pruned(two_of_four());
  const auto c = certify(model, two_of_four(), "prune");
  CHECK(c.layers.size() == 35);
  CHECK(c.mask_hash == mask_hash(model));
  for (const auto& l : c.layers) {
    CHECK(l.masked * 2 == l.total);
    CHECK(l.zeros >= l.masked);
  }
  CHECK(contains(c.text(), "prune: 35 layers, "));
  CHECK(contains(c.text(), "(50.00 %) masked"));
}

TEST_CASE("certificate: one weight outside the mask is found, with layer and stage",
          "[certificate]") {
  const Pattern any;
  auto& model = pruned(any);
  auto& layer = a_layer(model);
  const auto column = masked_column(layer, 7);
  plant(layer, 7, column, 1e-30f);
  const auto said = error_of([&] { certify(model, any, "recovery"); });
  CHECK(contains(said, layer.weight_name() + ", after recovery: 1 weight outside the mask"));
  CHECK(contains(said, "row 7, column " + std::to_string(column)));
  plant(layer, 7, column, std::numeric_limits<float>::quiet_NaN());
  CHECK(contains(error_of([&] { certify(model, any, "recovery"); }), "outside the mask"));
}

TEST_CASE("certificate: one broken group of n:m is found, with layer and stage", "[certificate]") {
  auto& model = pruned(two_of_four());
  auto& layer = a_layer(model);
  auto mask = layer.mask.clone();
  mask[3].slice(0, 8, 12).fill_(true);
  layer.mask = mask;
  const auto said = error_of([&] { certify(model, two_of_four(), "export"); });
  CHECK(contains(said, layer.weight_name() + ", after export: 1 group of 4 keeps more than 2"));
  CHECK(contains(said, "row 3, columns 8 to 11"));
}

TEST_CASE("certificate: what a stage removed does not come back in a later one", "[certificate]") {
  const Pattern any;
  auto& model = pruned(any);
  const auto before = certify(model, any, "prune");
  auto& layer = a_layer(model);
  const auto column = masked_column(layer, 5);
  auto mask = layer.mask.clone();
  mask[5][column] = true;  // an honest mask around a weight that grew back
  layer.mask = mask;
  plant(layer, 5, column, 0.5f);
  CHECK(certify(model, any, "recovery").masked() == before.masked() - 1);
  const auto said = error_of([&] { certify(model, any, "recovery", &before); });
  CHECK(contains(
      said, layer.weight_name() + ", after recovery: 1 weight that prune had removed is back"));
  layer.mask = Tensor();
  CHECK(contains(error_of([&] { certify(model, any, "recovery", &before); }),
                 "the mask of the stage prune is lost"));
}

TEST_CASE("certificate: weights that were read again know no masks", "[certificate]") {
  auto& model = pruned(two_of_four());
  const auto before = certify(model, two_of_four(), "prune");
  for (Layer* l : model.layers()) l->mask = Tensor();  // as from a file
  certify_weights(model, two_of_four(), before, "reload");
  auto& layer = a_layer(model);
  const auto column = (~before.layers[2 * 7 + 4].mask[0]).to(at::kByte).argmax().item<int64_t>();
  plant(layer, 0, column, 0.1f);
  CHECK(contains(error_of([&] { certify_weights(model, two_of_four(), before, "reload"); }),
                 layer.weight_name() + ", after reload: 1 weight outside the mask"));
  auto cut = before;
  cut.layers[0].total -= 1;
  CHECK(contains(error_of([&] { certify_weights(model, two_of_four(), cut, "export"); }),
                 ", after export: has "));
}

namespace {

/// An update that does not keep its promises.
class Careless : public Update {
 public:
  explicit Careless(bool mask) : mask_(mask) {}
  void apply(Site& site) const override {
    if (mask_)
      site.mask = at::ones_like(site.mask);
    else
      site.layer.set_matrix(at::ones_like(site.layer.matrix()));
  }

 private:
  bool mask_;
};

std::string careless(bool mask) {
  auto& s = shipped("stories260k");
  Method m;
  m.criterion = Registry<Criterion>::instance().create("magnitude");
  m.allocator = Registry<Allocator>::instance().create("uniform");
  m.updates.emplace_back(std::make_unique<Careless>(mask));
  m.pattern = two_of_four();
  Calibration none;
  return error_of([&] { prune(*s.model, m, 0.5, none); });
}

}  // namespace

TEST_CASE("certificate: an update that breaks its mask fails, and is named", "[certificate]") {
  CHECK(contains(careless(false), "model.layers.0.self_attn.q_proj.weight, after update: "));
  CHECK(contains(careless(false), "outside the mask"));
  CHECK(contains(careless(true), "after update: "));
  CHECK(contains(careless(true), "keep more than 2 in the mask"));
}

TEST_CASE("sparsity reached: within what whole rows, layers or units allow", "[certificate]") {
  const Pattern any;
  auto& model = pruned(any, 0.37);
  const auto r = reached(model, any, Contest::Layer, 0.37, {});
  CHECK(r.asked == 0.37);
  CHECK(r.measured <= 0.37);
  CHECK(r.measured >= 0.37 - r.step);
  auto& half = pruned(two_of_four());
  CHECK(reached(half, two_of_four(), Contest::Row, 0.9, {}).asked == 0.5);
  CHECK(reached(half, two_of_four(), Contest::Row, 0.9, {}).measured == 0.5);

  Pattern heads;
  heads.kind = Pattern::Structured;
  heads.groups = {"head"};
  auto& s = shipped("stories260k");
  std::vector<Removed> removed;
  for (auto& g : prunable_groups(*s.model, heads)) {
    auto keep = at::ones({g.units}, at::kBool);
    keep[0] = false;
    removed.push_back({g, keep});
  }
  const auto units = static_cast<double>(removed[0].group.units);
  CHECK(std::abs(reached(*s.model, heads, Contest::Method, 0.5, removed).measured - 1 / units) <
        1e-12);
  CHECK(std::abs(reached(*s.model, heads, Contest::Method, 0.5, removed).step - 1 / units) < 1e-12);
}
