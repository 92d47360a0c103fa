// Bonsai finds units that cost nothing, by the loss alone.
#include "criteria/by_hand.h"

using namespace bench;
using namespace bench::test;

TEST_CASE("Bonsai: units whose output nobody reads go first", "[criteria]") {
  auto& s = shipped("tiny-llama");
  // Nobody reads neurons 3 and 7 of any block: without them nothing changes.
  for (auto& g : s.model->groups("neuron"))
    for (const auto& slice : g.slices) {
      auto w = slice.layer->matrix().clone();
      for (int64_t u : {3, 7}) {
        if (slice.dim == Slice::In)
          w.select(1, u).zero_();
        else
          w.select(0, u).mul_(0.02);  // quiet enough to be tried in the first round
      }
      slice.layer->set_matrix(w);
    }
  Method m;
  m.criterion = criterion("bonsai", {{"masks", 64}});
  m.allocator = Registry<Allocator>::instance().create("uniform");
  m.pattern.kind = Pattern::Structured;
  m.pattern.groups = {"neuron"};
  m.propagation = Propagation::Dense;
  m.check();
  auto data = tiny_text(4, 24, 4);
  const auto removed = prune(*s.model, m, 0.05, data);  // 2 of 40
  for (const auto& r : removed) {
    CHECK((~r.keep).sum().item<int64_t>() == 2);
    CHECK_FALSE(r.keep[3].item<bool>());
    CHECK_FALSE(r.keep[7].item<bool>());
  }
  for (const Layer* l : s.model->layers()) CHECK_FALSE(l->gate.defined());
}
