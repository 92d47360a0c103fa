// Forward passes recorded from transformers: logits, hidden states, losses.
#include <cmath>

#include "core/mixture.h"
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

/// Which experts each token of the rows was sent to, exactly, and their weights (golden/README 7).
/// The order inside a set is no part of what is recorded.
void check_routing(Check& check, const TensorMap& t, Model& model, const Tensor& ids) {
  auto* routed = dynamic_cast<Routed*>(&model);
  for (int64_t i = 0; routed && i < model.block_count(); ++i) {
    const auto name = fmt::format("routing.{}.", i);
    if (!t.count(name + "experts")) continue;
    auto* mixture = routed->mixture(i);
    if (!mixture) bench::fail("{}: recorded of a block without experts", name);
    for (int64_t r = 0; r < ids.size(0); ++r) {
      Routing ours;
      mixture->onlooker = [&](const Tensor&, const Routing& seen) { ours = seen; };
      run_row(model, ids[r]);
      mixture->onlooker = nullptr;
      const auto sorted = [](const Tensor& experts, const Tensor& weights) {
        const auto order = std::get<1>(experts.sort(1));
        return std::pair(experts.gather(1, order), weights.gather(1, order));
      };
      const auto [mine, my_weights] = sorted(ours.experts, ours.weights);
      const auto [theirs, weights] =
          sorted(t.at(name + "experts")[r], t.at(name + "weights")[r].to(at::kFloat));
      if (!mine.equal(theirs)) bench::fail("{}experts: other sets in row {}", name, r);
      check(name + "weights", my_weights, weights, 2e-5);
      check(name + "logits", ours.logits, t.at(name + "logits")[r].to(at::kFloat), 1e-4);
    }
  }
}

/// Hidden states from `first` on that are ours, one after another: some libraries count what stands
/// between two stages as a block and others do not, so each recorded one is looked for behind the
/// one before.
void check_chain(Check& check, const TensorMap& t, const std::string& at,
                 const std::vector<Tensor>& ours, double tolerance) {
  size_t next = 0;
  std::string passed;  // recorded, and no state of ours
  for (int64_t i = -1;; ++i) {
    const auto name = at + (i < 0 ? std::string("embed") : fmt::format("block.{}", i));
    if (!t.count(name)) {
      if (i < 0) continue;
      if (!passed.empty()) bench::fail("{}: none of our states is it", passed);
      return;
    }
    const auto& theirs = t.at(name);
    const double step = std::max(tolerance, std::ldexp(theirs.abs().max().item<double>(), -20));
    double best = std::numeric_limits<double>::infinity();
    size_t found = ours.size();
    for (auto k = next; k < ours.size() && !(best <= step); ++k) {
      if (ours[k].numel() != theirs.numel()) continue;
      const auto off = (ours[k].reshape(theirs.sizes()) - theirs).abs().max().item<double>();
      if (off < best) best = off, found = k;
    }
    // torchvision's ConvNeXt counts the norm before a convolution between stages as a step of its
    // own, which is none here. What stands behind it must be found, and the last must.
    if (!(best <= step) && passed.empty()) {
      passed = name;
      continue;
    }
    if (found == ours.size()) bench::fail("{}: none of our states has its size", name);
    passed.clear();
    check(name, ours[found].reshape(theirs.sizes()), theirs, step);
    next = found + 1;
  }
}

/// What the first of `n` images or sequences is of a state whose rows belong to all of them.
Tensor first_of(const Tensor& state, int64_t n) {
  return state.narrow(0, 0, state.size(0) / n);
}

void verify_images(Run& run, const fs::path& file, const TensorMap& t) {
  at::NoGradGuard no_grad;
  auto& model = *run.model(file.stem().string()).model;
  bool norms = false;
  for (auto& named : model.tensors()) {
    // Recorded pixels are used as they are.
    if (named.name == "image_mean") *named.tensor = at::zeros_like(*named.tensor);
    if (named.name == "image_std") *named.tensor = at::full_like(*named.tensor, 1.0 / 255);
    norms |= named.name.ends_with("running_mean");
  }
  const double tolerance = norms ? 1e-4 : 2e-5;
  Batch batch;
  batch.images = t.at("pixel_values");
  const auto n = batch.images.size(0);
  Tensor read;
  auto* last = model.layers().back();
  last->tap = [&](const Tensor& x, const Tensor&) { read = x; };
  std::vector<Tensor> states{model.stem(batch)};
  for (int64_t i = 0; i < model.block_count(); ++i)
    states.push_back(model.block(i, states.back(), batch));
  last->tap = nullptr;
  const auto features = model.features(states.back(), batch);
  const auto logits = model.head(states.back(), batch);
  Check check;
  std::vector<Tensor> firsts;
  for (const auto& s : states) firsts.push_back(first_of(s, n));
  check_chain(check, t, "hidden.", firsts, tolerance);
  // Where two heads are averaged, or a layer stands before the last, neither is what was recorded.
  for (const auto& x : {features, read})
    if (t.count("hidden.head_input") && x.dim() == 2 && x.size(0) == n &&
        x[0].sizes() == t.at("hidden.head_input").sizes()) {
      check("hidden.head_input", x[0], t.at("hidden.head_input"), tolerance);
      break;
    }
  check("logits", logits, t.at("logits"), tolerance);
  if (check.worst > 1) bench::fail("{}", check.what);
  run.pass("logits of images", check.worst);
}

/// Rows without their padding; only real positions are recorded to compare.
void verify_encoder(Run& run, const fs::path& file, const TensorMap& t) {
  at::NoGradGuard no_grad;
  auto& model = *run.model(file.stem().string()).model;
  const auto ids = t.at("input_ids"), mask = t.at("attention_mask").to(at::kBool);
  const auto& logits = t.at("logits");
  const bool words = logits.dim() == 3;
  const double tolerance = words ? 1e-4 : 2e-5;
  Check check;
  double loss = 0, count = 0;
  for (int64_t r = 0; r < ids.size(0); ++r) {
    const auto real = ids[r].masked_select(mask[r]);
    const auto* p = real.const_data_ptr<int64_t>();
    auto batch = text_batch({Sequence(p, p + real.numel())});
    if (t.count("token_type_ids")) batch.types = t.at("token_type_ids")[r].masked_select(mask[r]);
    std::vector<Tensor> states{model.stem(batch)};
    for (int64_t i = 0; i < model.block_count(); ++i)
      states.push_back(model.block(i, states.back(), batch));
    const std::string at = r == 0 ? "hidden." : "hidden_row1.";
    if (r < 2) {
      check_chain(check, t, at, states, tolerance);
      if (t.count(at + "head_input")) {
        const auto& theirs = t.at(at + "head_input");
        check(at + "head_input", model.features(states.back(), batch).reshape(theirs.sizes()),
              theirs, tolerance);
      }
    }
    const auto ours = model.head(states.back(), batch);
    const auto name = fmt::format("logits of row {}", r);
    const bool tokens = logits.size(1) == ids.size(1);
    const auto theirs = tokens ? logits[r].index({mask[r]}) : logits[r];
    check(name, ours.reshape(theirs.sizes()), theirs, tolerance);
    if (!t.count("labels")) continue;
    check(name, ours.logsumexp(1), t.at("logsumexp")[r].masked_select(mask[r]), tolerance);
    const auto labels = t.at("labels")[r].masked_select(mask[r]);
    const auto asked = labels.ge(0).nonzero().squeeze(1);
    const auto log_p = ours.to(at::kDouble).log_softmax(1).index_select(0, asked);
    loss -= log_p.gather(1, labels.index_select(0, asked).unsqueeze(1)).sum().item<double>();
    count += static_cast<double>(asked.numel());
  }
  if (t.count("loss"))
    check("loss", at::tensor({static_cast<float>(loss / count)}), t.at("loss"), 1e-5);
  if (check.worst > 1) bench::fail("{}", check.what);
  run.pass("logits of encoders", check.worst);
}

}  // namespace

void verify_logits(Run& run, const fs::path& file) {
  const auto t = read_safetensors(file.string());
  if (t.count("pixel_values")) return verify_images(run, file, t);
  if (t.count("attention_mask")) return verify_encoder(run, file, t);
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
  check_routing(check, t, *loaded.model, ids);
  if (t.count("short_logits")) {  // rotated otherwise than inside the long rows
    std::vector<Tensor> alone;
    for (int64_t r = 0; r < ids.size(0); ++r)
      alone.push_back(run_row(*loaded.model, t.at("short_input_ids")[r]).logits);
    check("short_logits", at::stack(alone), t.at("short_logits"), tolerance);
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
