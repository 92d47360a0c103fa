#include "trial/trial_record.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include <torch/headeronly/version.h>

#include "base/digest.h"
#include "walk/pruner.h"
#include "walk/sparsity.h"
#include "trial/run_trial.h"

namespace bench {
namespace {

std::string cpu_name() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);)
    if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2);
  return "unknown";
}

/// In pieces, so that checking a large matrix takes no second one.
bool finite(const Tensor& t) {
  for (const auto& piece : t.reshape({-1}).split(int64_t{1} << 20))
    if (!at::isfinite(piece).all().item<bool>()) return false;
  return true;
}

}  // namespace

void record_environment(Outcome& out, const std::string& device) {
  out.environment = {{"version", BENCH_VERSION},
                     {"device", device},
                     {"cpu", cpu_name()},
                     {"threads", std::to_string(at::get_num_threads())},
                     {"cpu_capability", at::get_cpu_capability()},
                     {"libtorch", fmt::format("{}.{}.{}", TORCH_VERSION_MAJOR, TORCH_VERSION_MINOR,
                                              TORCH_VERSION_PATCH)},
                     {"compiler", __VERSION__}};
}

void record_sparsity(Outcome& out, Model& model, const std::string& stage) {
  const auto s = measure_sparsity(model);
  std::map<int64_t, SparsityRow> blocks;
  for (const auto& t : s.tensors) {
    out.sparsity.push_back({stage, "tensor", t.name, t.total, t.masked, t.zeros});
    auto& b = blocks[t.block];
    b.total += t.total, b.masked += t.masked, b.zeros += t.zeros;
  }
  for (auto& [block, row] : blocks) {
    row.stage = stage, row.scope = "block", row.name = std::to_string(block);
    out.sparsity.push_back(row);
  }
  out.sparsity.push_back(
      {stage, "model", "prunable weights", s.linear_total(), s.linear_masked(), s.linear_zeros()});
  out.sparsity.push_back(
      {stage, "model", "parameters", s.parameters, s.linear_masked(), s.linear_zeros()});
}

void check_finite(Model& model) {
  for (const auto& t : model.tensors())
    if (t.parameter && t.tensor->defined() && t.tensor->is_floating_point() && !finite(*t.tensor))
      fail("the weights of {} hold NaN or infinity: the checkpoint is broken or training diverged",
           t.name);
}

void set_hash(Outcome& out, const std::string& name, const std::string& hash) {
  for (auto& [known, value] : out.hashes)
    if (known == name) {
      value = hash;
      return;
    }
  out.hashes.emplace_back(name, hash);
}

void keep_hash(Outcome& out, const std::string& name, const std::string& hash) {
  for (const auto& [known, value] : out.hashes)
    if (known == name) return;
  out.hashes.emplace_back(name, hash);
}

std::string value_hash(const Tensor& values) {
  const auto bytes = values.detach().cpu().contiguous();
  return quick_hash(bytes.const_data_ptr(), bytes.nbytes());
}

void keep_notes(Outcome& out, const Statistic::Notes& notes) {
  for (const auto& [name, values] : notes) {
    const auto known = [&, &n = name](const auto& pair) { return pair.first == n; };
    if (std::any_of(out.notes.begin(), out.notes.end(), known)) continue;
    out.notes.emplace_back(name, nlohmann::json(values).dump());
  }
}

}  // namespace bench
