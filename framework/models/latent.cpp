#include "models/latent.h"

namespace bench {
namespace {

// transformers models/deepseek_v2/modeling_deepseek_v2.py: whatever rms_norm_eps says.
constexpr double kEps = 1e-6;

}  // namespace

Latent::Latent(Source& c, const std::string& at, int64_t heads, int64_t hidden,
               const LatentForm& form)
    : form_(form) {
  const auto rows = [&](const Layer& l, int64_t out, int64_t in) {
    c.expect(l.weight, l.weight_name(), {out, in});
  };
  const auto width = form.nope + form.rope;
  if (form.query_rank > 0) {
    q_a_ = c.layer(at + "q_a_proj", form.bias);
    q_norm_ = c.rms_norm(at + "q_a_layernorm", kEps);
    q_b_ = c.layer(at + "q_b_proj", false);
    rows(q_a_, form.query_rank, hidden);
    if (!c.compact()) rows(q_b_, heads * width, form.query_rank);
  } else {
    q_ = c.layer(at + "q_proj", false);
    if (!c.compact()) rows(q_, heads * width, hidden);
  }
  kv_a_ = c.layer(at + "kv_a_proj_with_mqa", form.bias);
  kv_norm_ = c.rms_norm(at + "kv_a_layernorm", kEps);
  kv_b_ = c.layer(at + "kv_b_proj", false);
  rows(kv_a_, form.rank + form.rope, hidden);
  if (!c.compact()) rows(kv_b_, heads * (form.nope + form.value), form.rank);
}

Projected Latent::operator()(const Tensor& x, const Rope& rope, const Batch& batch) const {
  const auto n = x.size(0);
  const auto queries = form_.query_rank > 0 ? q_b_(q_norm_(q_a_(x))) : q_(x);
  const auto q = queries.reshape({n, -1, form_.nope + form_.rope});
  const auto down = kv_a_(x);
  const auto up = kv_b_(kv_norm_(down.narrow(1, 0, form_.rank).contiguous()))
                      .reshape({n, -1, form_.nope + form_.value});
  const auto heads = up.size(1);
  const auto turn = [&](const Tensor& t) { return rope(t.reshape({n, -1}), batch); };
  const auto q_turned = turn(q.narrow(2, form_.nope, form_.rope)).reshape({n, heads, form_.rope});
  const auto k_turned =
      turn(down.narrow(1, form_.rank, form_.rope)).unsqueeze(1).expand({n, heads, form_.rope});
  return {at::cat({q.narrow(2, 0, form_.nope), q_turned}, 2).reshape({n, -1}),
          at::cat({up.narrow(2, 0, form_.nope), k_turned}, 2).reshape({n, -1}),
          up.narrow(2, form_.nope, form_.value).reshape({n, -1})};
}

std::vector<Layer*> Latent::layers() {
  if (form_.query_rank > 0) return {&q_a_, &q_b_, &kv_a_, &kv_b_};
  return {&q_, &kv_a_, &kv_b_};
}

Slice Latent::queries() {
  return {form_.query_rank > 0 ? &q_b_ : &q_, Slice::Out, form_.nope + form_.rope};
}

Slice Latent::keys_values() {
  return {&kv_b_, Slice::Out, form_.nope + form_.value};
}

std::vector<Layer*> Latent::readers() {
  return {form_.query_rank > 0 ? &q_a_ : &q_, &kv_a_};
}

std::vector<Slice> Latent::rest() {
  std::vector<Slice> all{{&kv_a_, Slice::Out}};
  if (form_.query_rank > 0) all.push_back({&q_a_, Slice::Out});
  return all;
}

}  // namespace bench
