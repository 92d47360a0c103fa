// The registry in half precision: what holds in float32 holds there, to its own last bit.
#include <iostream>

#include "conformance/cases.h"

using namespace bench;
using namespace bench::test;

namespace {

/// Once with batches of 16 on one thread, once one by one on two.
void check_both_ways(const Case& c, const std::function<std::string()>& once,
                     const std::function<std::string()>& again) {
  const auto first = once();
  at::set_num_threads(2);
  const auto second = again();
  at::set_num_threads(1);
  CHECK(first == second);
  for (const auto& t : shipped(c.model, c.compute).model->tensors())
    if (t.parameter && t.tensor->defined() && t.tensor->is_floating_point())
      CHECK(t.tensor->scalar_type() == c.compute);
}

std::vector<Case> in_half(std::vector<Case> all) {
  for (auto& c : all) c.compute = at::kBFloat16;
  return all;
}

}  // namespace

TEST_CASE("half precision: every criterion, counts exact, the same bits twice", "[conformance]") {
  int ran = 0;
  for (const auto& name : chosen<Criterion>())
    for (const auto& c : in_half(cases())) {
      if (!accepts(name, c)) continue;
      ++ran;
      INFO(name << " on " << c.model << ", " << c.pattern.label());
      const auto hash = [&](int64_t together) {
        const auto p = run(name, c, together);
        return p.masks + p.weights;
      };
      try {
        check_both_ways(
            c, [&] { return hash(16); }, [&] { return hash(1); });
      } catch (const std::exception& e) {
        FAIL_CHECK(std::string(e.what()).substr(0, 300));
      }
    }
  std::cout << "conformance in bfloat16: " << ran << " cases of criteria\n";
}

TEST_CASE("half precision: every allocator and update", "[conformance]") {
  const auto try_all = [&](const std::string& name, const std::function<void(Method&)>& put) {
    for (const auto& c : in_half(small_cases())) {
      auto m = make_method("magnitude", c);
      put(m);
      if (!accepts(m, c)) continue;
      INFO(name << " on " << c.model << ", " << c.pattern.label());
      try {
        auto& s = shipped(c.model, c.compute);
        auto data = data_for(c, 16);
        check_counts_of_masks(*s.model, c, prune(*s.model, m, 0.5, data));
        at::NoGradGuard no_grad;
        CHECK(at::isfinite(s.model->forward(probe_batch(c.model))).all().item<bool>());
      } catch (const std::exception& e) {
        FAIL_CHECK(std::string(e.what()).substr(0, 300));
      }
      return;  // one case each: what differs by the pattern is tested in float32
    }
  };
  for (const auto& name : chosen<Allocator>())
    try_all(name, [&](Method& m) { m.allocator = named<Allocator>("allocator", name); });
  for (const auto& name : chosen<Update>())
    try_all(name, [&](Method& m) { m.updates.push_back(named<Update>("update", name)); });
}

TEST_CASE("half precision: a forward pass is the float32 one to the last bits of its type",
          "[conformance]") {
  at::NoGradGuard no_grad;
  for (const std::string model : {"stories260k", "opt-ts-1m", "bloom-ts-1m", "tiny-gpt2",
                                  "tiny-gpt_neox", "resnet20", "family-vit", "family-bert-mlm"}) {
    INFO(model);
    const auto batch = probe_batch(model);
    const auto exact = shipped(model).model->forward(batch);
    const auto most = exact.abs().max().item<double>();
    // Unit roundoff 2^-9 and 2^-12; errors of some hundred roundings a path add up as a random
    // walk, to about sixteen of them in the worst logit of these models.
    for (const auto& [type, roundoff] :
         {std::pair(at::kBFloat16, 0x1p-9), std::pair(at::kHalf, 0x1p-12)}) {
      const auto half = shipped(model, type).model->forward(batch);
      CHECK(half.scalar_type() == at::kFloat);
      CHECK((half - exact).abs().max().item<double>() <= 16 * roundoff * most);
      at::set_num_threads(2);
      CHECK(half.equal(shipped(model, type).model->forward(batch)));
      at::set_num_threads(1);
    }
  }
}
