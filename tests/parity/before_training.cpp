// SNIP, GraSP, SynFlow and magnitude at initialisation: masks and first scores of the authors'
// code.
#include "measure/passes.h"
#include "walk/schedule.h"
#include "data/images.h"
#include "parity/recorded.h"
#include "parity/vision.h"

namespace bench::verify {
namespace {

std::unique_ptr<Model> initialised(const Run& run, const fs::path& file, const Json& record) {
  const auto init = record.at("init").get<std::string>();
  return build_model(read_checkpoint(run.input(file, init)));
}

/// "records in order, 10 per class, concatenated class by class ...; first half ..., second half".
Calibration by_class(const Run& run, const Json& record) {
  const auto path = run.data(record.at("batch").at("file").get<std::string>()).string();
  const auto each = record.at("parameters").at("samples_per_class").get<int64_t>();
  const auto all = read_cifar(path, 0, 0);
  std::vector<int64_t> order;
  for (int64_t c = 0; c < 10; ++c) {
    const auto of_class = (all.labels == c).nonzero().flatten().slice(0, 0, each);
    for (int64_t i = 0; i < of_class.numel(); ++i) order.push_back(of_class[i].item<int64_t>());
  }
  const auto index = at::tensor(order, at::kLong);
  Calibration data;
  const auto half = index.numel() / 2;
  for (const auto& part : {index.slice(0, 0, half), index.slice(0, half)}) {
    Batch b;
    b.images = all.images.index_select(0, part);
    b.labels = all.labels.index_select(0, part);
    data.batches.push_back(std::move(b));
  }
  return data;
}

Method method_of(const Json& record, bool reference_ties) {
  auto name = record.at("method").get<std::string>();
  const auto& p = record.at("parameters");
  Value s{Value::Map{}};
  const bool original = name == "grasp_original";
  if (original) name = "grasp";
  const bool train = original ? p.value("mode", "") == "train" : p.at("train_mode").get<bool>();
  if (name == "snip" || name == "grasp") s.set("mode", train ? "train" : "eval");
  if (name == "synflow" || name == "snip" || name == "grasp")
    s.set("dtype", record.value("dtype", "float32"));
  if (original) s.set("temperature", p.at("T").get<double>());
  Value ties{Value::Map{}};
  if (reference_ties) ties.set("ties", "reference");
  Method how;
  how.criterion = Registry<Criterion>::instance().create(name == "mag" ? "magnitude" : name, s);
  how.allocator = Registry<Allocator>::instance().create("global", ties);
  how.propagation = Propagation::Dense;
  return how;
}

/// Scores of the untouched model against the recorded ones.
void compare_scores(Model& model, const Method& how, const Calibration& data,
                    const TensorMap& theirs, double& worst) {
  const auto stats = collect({model, {0, model.block_count()}, data, model.layers()},
                             how.criterion->needs(), Pass::Global);
  double largest = 0, off = 0, scale = 0;
  for (const Layer* l : model.layers()) {
    const auto it = theirs.find(l->weight_name() + ".score_first_round");
    if (it == theirs.end()) return;
    largest = std::max(largest, it->second.abs().max().item<double>());
    const auto ours = how.criterion->score(View(*l), *stats);
    scale = std::max(scale, ours.abs().max().item<double>());
  }
  for (const Layer* l : model.layers()) {  // ranks count: scores are compared up to a factor
    const auto ours = how.criterion->score(View(*l), *stats).to(at::kDouble) / scale;
    const auto other = theirs.at(l->weight_name() + ".score_first_round").flatten(1);
    off = std::max(off, (ours - other.to(at::kDouble) / largest).abs().max().item<double>());
  }
  if (!(off <= 1e-4)) bench::fail("scores of the first round are off by {:.2e}", off);
  worst = std::max(worst, off / 1e-4);
}

int64_t compare_masks(Model& model, const TensorMap& theirs, std::string& first) {
  int64_t bits = 0;
  for (const Layer* l : model.layers()) {
    const auto mask = unpack_mask(theirs.at(l->weight_name() + ".mask"), l->matrix().sizes());
    const auto ours = l->mask.defined() ? l->mask : at::ones_like(mask);
    const auto here = (mask != ours).sum().item<int64_t>();
    if (here && first.empty()) first = l->name;
    bits += here;
  }
  return bits;
}

}  // namespace

void verify_before_training(Run& run, const fs::path& file, const Json& record) {
  const auto model = initialised(run, file, record);
  const auto theirs = read_safetensors((file.parent_path() / "data.safetensors").string());
  const auto& p = record.at("parameters");
  const auto method = record.at("method").get<std::string>();
  const bool original = method == "grasp_original";
  auto data = original ? by_class(run, record) : vision_batches(run, record);
  double worst = 0;
  const auto how = method_of(record, !original);
  compare_scores(*model, how, data, theirs, worst);
  int64_t total = 0;
  for (const Layer* l : model->layers()) total += l->weight.numel();
  std::vector<double> targets;
  if (original) {
    // Scores <= the threshold stay, so that the threshold's own weight does (GraSP.py:139-146).
    const auto drop = removed_weights(total, p.at("ratio").get<double>()) - 1;
    targets = {(static_cast<double>(drop) + 0.5) / static_cast<double>(total)};
  } else {
    const double density = p.at("density_argument_named_sparsity");
    targets = schedule_targets("exponential", p.at("rounds"), 1 - density);
  }
  for (const auto target : targets) prune(*model, how, target, data);
  std::string first;
  const auto bits = compare_masks(*model, theirs, first);
  // Training mode: float32 against float64 moves up to 62 bits in these records (README, 3).
  const bool train = original || p.value("train_mode", false);
  if (bits > (train ? 124 : 0))
    bench::fail("{} of {} mask bits differ, first in {}", bits, total, first);
  if (bits) run.note(file, fmt::format("{} of {} mask bits differ: near-ties", bits, total));
  run.pass("before training " + method, worst);
}

}  // namespace bench::verify
