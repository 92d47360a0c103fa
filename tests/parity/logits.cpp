// Forward passes recorded from transformers: logits, hidden states, losses.
#include <cmath>

#include "parity/verify.h"

namespace bench::verify {
namespace {

struct Check {
  double worst = 0;
  std::string what;
  void operator()(const std::string& name, const Tensor& ours, const Tensor& theirs,
                  double tolerance) {
    if (ours.sizes() != theirs.sizes())
      bench::fail("{}: shape {} where {} is recorded", name, fmt::join(ours.sizes(), "x"),
                  fmt::join(theirs.sizes(), "x"));
    const double off = (ours - theirs).abs().max().item<double>() / tolerance;
    if (!(off <= worst)) worst = off, what = fmt::format("{} off by {:.2e}", name, off * tolerance);
  }
};

/// Logits of one row of ids, with the hidden states before the head.
struct Forward {
  std::vector<Tensor> hidden;
  Tensor logits;
};
Forward run_row(const Model& model, const Tensor& ids) {
  at::NoGradGuard no_grad;
  const auto* p = ids.const_data_ptr<int64_t>();
  const auto batch = text_batch({Sequence(p, p + ids.numel())});
  Forward f;
  f.hidden.push_back(model.stem(batch));
  for (int64_t i = 0; i < model.block_count(); ++i)
    f.hidden.push_back(model.block(i, f.hidden.back(), batch));
  f.logits = model.head(f.hidden.back(), batch);
  return f;
}

/// The records name a tolerance for logits alone. A hidden state may reach hundreds, where a step
/// of float32 is near 1e-4: eight steps of its largest value, at least 1e-4.
void check_hidden(Check& check, const TensorMap& t, const Forward& f) {
  for (size_t i = 0; i < f.hidden.size(); ++i) {
    const auto name = i == 0 ? std::string("hidden.embed") : fmt::format("hidden.block.{}", i - 1);
    if (!t.count(name)) continue;
    const double largest = t.at(name).abs().max().item<double>();
    check(name, f.hidden[i], t.at(name), std::max(1e-4, std::ldexp(largest, -20)));
  }
}

}  // namespace

void verify_logits(Run& run, const fs::path& file) {
  const auto t = read_safetensors(file.string());
  auto& loaded = run.model(file.stem().string());
  const auto ids = t.at("input_ids");
  const bool large = t.count("logits") == 0 && loaded.model->block_count() > 20;
  // float32 against float64 alone differs by up to 7e-5 on the 135M model (golden/README 1).
  const double tolerance = large ? 3e-4 : 1e-4;
  Check check;
  std::vector<Tensor> rows, nll;
  for (int64_t r = 0; r < ids.size(0); ++r) {
    const auto f = run_row(*loaded.model, ids[r]);
    if (r == 0) check_hidden(check, t, f);
    const auto log_p = f.logits.to(at::kDouble).log_softmax(1);
    const auto next = ids[r].slice(0, 1).unsqueeze(1);
    nll.push_back(-log_p.slice(0, 0, -1).gather(1, next).squeeze(1));
    rows.push_back(f.logits);
  }
  const auto logits = at::stack(rows);
  if (t.count("logits")) check("logits", logits, t.at("logits"), tolerance);
  if (t.count("logits_last8"))
    check("logits_last8", logits.slice(1, logits.size(1) - 8), t.at("logits_last8"), tolerance);
  if (t.count("logsumexp")) check("logsumexp", logits.logsumexp(2), t.at("logsumexp"), tolerance);
  const auto losses = at::stack(nll);
  if (t.count("nll_tokens"))
    check("nll_tokens", losses.to(at::kFloat), t.at("nll_tokens"), tolerance);
  if (t.count("mean_nll"))
    check("mean_nll", losses.mean().reshape({1}).to(at::kFloat), t.at("mean_nll").to(at::kFloat),
          large ? 2e-5 : 1e-5);
  if (t.count("pad_logits_row1")) {  // the same row without its padding: ragged batches have none
    const auto keep = t.at("pad_attention_mask")[1].to(at::kBool);
    const auto real = t.at("pad_input_ids")[1].masked_select(keep);
    check("pad_logits_row1", run_row(*loaded.model, real).logits, t.at("pad_logits_row1"),
          tolerance);
  }
  if (check.worst > 1) bench::fail("{}", check.what);
  run.pass("logits", check.worst);
}

}  // namespace bench::verify
