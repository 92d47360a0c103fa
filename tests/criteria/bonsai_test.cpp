// Bonsai finds the units that cost least, by the loss alone.
#include "criteria/by_hand.h"

using namespace bench;
using namespace bench::test;

namespace {

/// Mean loss over the sequences without two neurons of block 1.
double loss_without(Model& model, const Calibration& data, int64_t first, int64_t second) {
  Layer* reader = model.groups("neuron")[1].slices.back().layer;
  reader->gate = at::ones({reader->columns()});
  reader->gate[first] = reader->gate[second] = 0;
  at::NoGradGuard no_grad;
  double sum = 0;
  for (const auto& one : split(data.batches)) sum += model.loss(one).item<double>();
  reader->gate = Tensor();
  return sum;
}

}  // namespace

TEST_CASE("Bonsai: of the quietest units those go whose absence costs least", "[criteria]") {
  auto& s = shipped("tiny-llama");
  const std::vector<int64_t> quiet{3, 7, 20, 31};  // small effects add up as the regression has it
  const auto g = s.model->groups("neuron")[1];
  for (const auto& slice : g.slices)
    if (slice.dim == Slice::Out) {
      auto w = slice.layer->matrix().clone();
      for (const auto u : quiet) w.select(0, u).mul_(0.1);
      slice.layer->set_matrix(w);
    }
  Method m;
  m.criterion = criterion("bonsai", {{"masks", 64}});
  m.allocator = Registry<Allocator>::instance().create("uniform");
  m.pattern.kind = Pattern::Structured;
  m.pattern.groups = {"neuron"};
  m.pattern.exempt_first = m.pattern.exempt_last = 1;
  m.propagation = Propagation::Dense;
  m.check();
  auto data = tiny_text(4, 24, 4);
  std::pair<double, std::pair<int64_t, int64_t>> best{1e300, {}};
  for (size_t i = 0; i < quiet.size(); ++i)
    for (size_t j = i + 1; j < quiet.size(); ++j)
      best =
          std::min(best, {loss_without(*s.model, data, quiet[i], quiet[j]), {quiet[i], quiet[j]}});
  const auto removed = prune(*s.model, m, 0.05, data);  // 2 of 40
  REQUIRE(removed.size() == 1);
  const auto keep = removed.front().keep;
  CHECK((~keep).sum().item<int64_t>() == 2);
  CHECK_FALSE(keep[best.second.first].item<bool>());
  CHECK_FALSE(keep[best.second.second].item<bool>());
  for (const Layer* l : s.model->layers()) CHECK_FALSE(l->gate.defined());
}
