#include "core/pattern.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "kernels/select.h"
#include "kernels/twins.h"

namespace bench {
namespace {

/// float32, contiguous, without NaN; on its device where the kernels have twins for it, else here.
Tensor ready(const Tensor& score) {
  const bool stays = score.is_cuda() && kernels::twins();
  const auto s = score.detach().to(stays ? score.device() : at::kCPU, at::kFloat).contiguous();
  if (at::isnan(s).any().item<bool>())
    fail("a score is NaN: the model or its calibration holds values that are no numbers");
  return s;
}

void lowest_on_device(const Tensor& s, int64_t drop, uint8_t* keep) {
  const auto* twin = kernels::twins();
  const auto space = at::empty({twin->select_lowest_workspace()}, s.options().dtype(at::kByte));
  kernels::check_cuda(twin->select_lowest(s.const_data_ptr<float>(), s.numel(), drop, keep,
                                          space.mutable_data_ptr()),
                      "select_lowest");
}

}  // namespace

Schema Pattern::schema() {
  return {
      key("kind", "unstructured", "what may be removed")
          .one_of({"unstructured", "nm", "structured"}),
      key("per", "method", "what a weight competes against; method: the criterion's own choice")
          .one_of({"method", "layer", "row"}),
      key("keep", 2, "n:m: how many of every m consecutive inputs are KEPT").at_least(1),
      key("of", 4, "n:m: the m").at_least(2),
      key("tail", "share",
          "n:m: the last inputs of a row, fewer than m, keep their share of n (rounded up), or "
          "lose "
          "m - n of them, all where they are no more, as in the code of Wanda, SparseGPT, RIA and "
          "GBLM")
          .one_of({"share", "removed"}),
      key("groups", std::vector<std::string>{"head", "neuron"},
          "structured: kinds of groups whose units go"),
      key("exempt_first", 0, "structured: blocks at the start that stay whole")
          .at_least(0)
          .in("blocks"),
      key("exempt_last", 0, "structured: blocks at the end that stay whole")
          .at_least(0)
          .in("blocks"),
      key("budget", "weights",
          "structured: what the target is a share of: the units' weights, or of the whole model "
          "macs, acts (outputs) or params (weights) of its linear and convolutional layers")
          .one_of({"weights", "macs", "acts", "params"}),
      key("tie", "stable", "rule for equal scores; reference: the threshold of the authors' code")
          .one_of({"stable", "reference"}),
      key("target_of", "removable",
          "structured: sparsity is a share of what may be removed, or of all parameters of the "
          "model, embeddings, biases and norms too")
          .one_of({"removable", "parameters"}),
      key("alibi", "slice",
          "structured: heads that stay keep their ALiBi slopes, or all are made anew for their "
          "number (LLM-Pruner)")
          .one_of({"slice", "rebuild"})};
}

Pattern Pattern::from(const Config& c) {
  Pattern p;
  const auto kind = c.get<std::string>("kind");
  p.kind = kind == "nm" ? NM : kind == "structured" ? Structured : Unstructured;
  const auto per = c.get<std::string>("per");
  p.contest = per == "row" ? Contest::Row : per == "layer" ? Contest::Layer : Contest::Method;
  if (p.kind == NM) {
    p.keep = c.get<int64_t>("keep");
    p.of = c.get<int64_t>("of");
    p.tail_removed = c.get<std::string>("tail") == "removed";
    if (p.keep >= p.of) fail("{}: keep {} of {} removes nothing", c.path(), p.keep, p.of);
  }
  if (p.kind == Structured) {
    p.groups = c.get<std::vector<std::string>>("groups");
    if (p.groups.empty()) fail("{}.groups: name at least one kind of group", c.path());
    p.exempt_first = c.get<int64_t>("exempt_first");
    p.exempt_last = c.get<int64_t>("exempt_last");
    p.remake = c.get<std::string>("alibi") == "rebuild";
    p.of_parameters = c.get<std::string>("target_of") == "parameters";
    p.budget = c.get<std::string>("budget");
    if (p.of_parameters && p.budget != "weights")
      fail(
          "{}: target_of parameters and budget {} both say what the target is a share of; keep "
          "one",
          c.path(), p.budget);
  }
  p.reference_ties = c.get<std::string>("tie") == "reference";
  return p;
}

bool Pattern::depth() const {
  static const std::set<std::string> kDepth{"attention", "mlp", "block"};
  return std::any_of(groups.begin(), groups.end(), [](const auto& g) { return kDepth.count(g); });
}

std::string Pattern::label() const {
  if (kind == NM) return fmt::format("{}:{}", keep, of);
  if (kind == Structured) return fmt::format("{}", fmt::join(groups, "+"));
  return "unstructured";
}

int64_t removed_weights(int64_t total, double ratio) {
  return static_cast<int64_t>(static_cast<double>(total) * ratio);
}

int64_t removed_units(int64_t units, int64_t unit_width, double ratio, int64_t at_least) {
  const int64_t channels = units * unit_width;
  const int64_t gone =
      channels - static_cast<int64_t>(static_cast<double>(channels) * (1.0 - ratio));
  return std::min(gone / unit_width, units - at_least);
}

Tensor select(const Tensor& score, Contest contest, double ratio, int64_t count) {
  const auto s = ready(score);
  auto keep = at::empty(s.sizes(), s.options().dtype(at::kByte));
  auto* out = keep.mutable_data_ptr<uint8_t>();
  const auto* from = s.const_data_ptr<float>();
  const int64_t columns = s.size(-1), rows = s.numel() / std::max<int64_t>(columns, 1);
  const bool by_row = contest == Contest::Row;
  const int64_t drop = by_row       ? removed_weights(columns, ratio)
                       : count >= 0 ? count
                                    : removed_weights(s.numel(), ratio);
  if (s.is_cuda() && by_row)
    kernels::check_cuda(kernels::twins()->select_rows(from, rows, columns, drop, out),
                        "select_rows");
  else if (s.is_cuda())
    lowest_on_device(s, drop, out);
  else if (by_row)
    kernels::select_rows(from, rows, columns, &drop, 1, out);
  else
    kernels::select_lowest(from, s.numel(), drop, out);
  return keep.to(at::kBool).to(score.device());
}

Tensor select_nm(const Tensor& score, int64_t keep_n, int64_t of, bool tail_removed) {
  const auto s = ready(score);
  auto keep = at::empty(s.sizes(), s.options().dtype(at::kByte));
  auto* out = keep.mutable_data_ptr<uint8_t>();
  const auto* from = s.const_data_ptr<float>();
  const int64_t columns = s.size(-1), rows = s.numel() / columns;
  if (s.is_cuda())
    kernels::check_cuda(kernels::twins()->select_nm(from, rows, columns, keep_n, of, out),
                        "select_nm");
  else
    kernels::select_nm(from, rows, columns, keep_n, of, out);
  keep = keep.to(at::kBool).to(score.device());
  if (const int64_t rest = columns % of; rest > 0 && !tail_removed) {
    const auto tail = s.narrow(-1, columns - rest, rest).cpu().contiguous();
    const int64_t kept = (rest * keep_n + of - 1) / of, drop = rest - kept;
    auto own = at::empty(tail.sizes(), tail.options().dtype(at::kByte));
    kernels::select_rows(tail.const_data_ptr<float>(), rows, rest, &drop, 1,
                         own.mutable_data_ptr<uint8_t>());
    keep.narrow(-1, columns - rest, rest).copy_(own);
  }
  return keep;
}

Tensor select_nm_reference(const Tensor& score, int64_t keep_n, int64_t of) {
  const auto s = ready(score);
  auto keep = at::ones(s.sizes(), s.options().dtype(at::kBool));
  for (int64_t begin = 0; begin < s.size(1); begin += of) {
    const auto width = std::min(of, s.size(1) - begin);
    const auto lowest = std::get<1>(
        at::topk(s.narrow(1, begin, width), std::min(of - keep_n, width), 1, /*largest=*/false));
    keep.narrow(1, begin, width).scatter_(1, lowest, false);
  }
  return keep.to(score.device());
}

Tensor select_units(const Tensor& score, int64_t count) {
  return select(score.reshape({1, -1}), Contest::Layer, 0, count).flatten();
}

Tensor select_threshold(const Tensor& score, double ratio) {
  const auto s = ready(score);
  const auto index = std::min(removed_weights(s.numel(), ratio), s.numel() - 1);
  const auto threshold = std::get<0>(at::kthvalue(s.flatten(), index + 1));
  return (s > threshold).to(score.device());
}

}  // namespace bench
