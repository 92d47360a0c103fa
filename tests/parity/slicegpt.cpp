// SliceGPT as its authors' code ran: eigenvalues of every place of the stream, parameters, logits
// of the first tokens and perplexity of the sliced model. Signs of eigenvectors are arbitrary.
#include <cmath>

#include "core/stage.h"
#include "core/stream.h"
#include "parity/recorded.h"
#include "walk/sparsity.h"

namespace bench::verify {
namespace {

/// 1e-6 of each eigenvalue, and what rounding of the record's float32 signal moves it by: 2^-24 of
/// the signal's size in a component that is sqrt(value / largest) of it. Exact arithmetic is up to
/// 1.0e-6 away from the record. Returns the largest deviation relative to its eigenvalue.
double compare_eigenvalues(const std::vector<Tensor>& ours, const Tensor& theirs) {
  if (static_cast<int64_t>(ours.size()) != theirs.size(0))
    bench::fail("{} places of the stream where {} are recorded", ours.size(), theirs.size(0));
  double worst = 0;
  for (size_t i = 0; i < ours.size(); ++i) {
    const auto row = theirs[static_cast<int64_t>(i)].to(at::kDouble);
    const auto off = (ours[i] - row).abs();
    const auto allowed = row * 1e-6 + (row * row[0]).sqrt() * std::exp2(-24);
    worst = std::max(worst, (off / row).max().item<double>());
    if ((off > allowed).any().item<bool>())
      bench::fail("eigenvalues of place {} are off by {:.2e}", i, (off / row).max().item<double>());
  }
  return worst;
}

double compare_logits(Run& run, const fs::path& file, const Json& record, const Model& model,
                      const Tensor& theirs) {
  const auto name =
      fmt::format("inputs/{}/eval40.safetensors", record.at("model").get<std::string>());
  const auto ids = read_safetensors(run.input(file, name).string()).at("ids");
  const auto first = ids.slice(0, 0, theirs.size(0)).contiguous();
  const auto* p = first.const_data_ptr<int64_t>();
  const auto ours = model.forward(text_batch({Sequence(p, p + first.numel())}));
  return (ours - theirs).abs().max().item<double>() / theirs.abs().max().item<double>() / 1e-4;
}

}  // namespace

void verify_slicegpt(Run& run, const fs::path& file, const Json& record) {
  const auto name = record.at("model").get<std::string>();
  const auto data = read_safetensors((file.parent_path() / "data.safetensors").string());
  const auto& p = record.at("parameters");
  const auto& result = record.at("result");
  at::NoGradGuard no_grad;
  auto calibration = recorded_calibration(run, file, record);
  const double eigenvalues =
      compare_eigenvalues(turn_stream(*run.model(name).model, calibration,
                                      p.at("new_embedding_dimension").get<int64_t>()),
                          data.at("eigenvalues"));
  auto& model = *run.model(name).model;  // once more, as a trial does it
  Method how;
  how.criterion = Registry<Criterion>::instance().create(
      "slicegpt", Value{Value::Map{{"round", p.at("round_interval").get<int64_t>()}}});
  how.allocator = Registry<Allocator>::instance().create("uniform");
  how.pattern.kind = Pattern::Structured;
  how.pattern.groups = {"hidden"};
  how.pattern.reference_ties = true;
  how.propagation = Propagation::Dense;
  how.check();
  std::map<std::string, std::shared_ptr<const Snapshot>> kept;
  StageContext stage{model, how, p.at("sparsity").get<double>(), at::kCPU, kept, {}, {}, ""};
  stage.calibration = [&] { return calibration; };
  Registry<Stage>::instance()
      .create("slicegpt_turn", Value{Value::Map{{"round", p.at("round_interval").get<int64_t>()}}})
      ->apply(stage);
  const auto removed = prune(model, how, p.at("sparsity").get<double>(), calibration);
  const auto eval = fmt::format("inputs/{}/eval40.safetensors", name);
  const auto theirs = result.at("ppl_eval40").get<double>();
  expect_relative("perplexity of the masked model", eval40(run, file, eval, model), theirs, 1e-4);
  for (const auto& r : removed) shrink(r.group, r.keep);
  expect_relative("perplexity of the sliced model", eval40(run, file, eval, model), theirs, 1e-4);
  const auto parameters = measure_sparsity(model).parameters;
  if (parameters != result.at("params_after_slicing").get<int64_t>())
    bench::fail("{} parameters where {} are recorded", parameters,
                result.at("params_after_slicing").dump());
  const double off = compare_logits(run, file, record, model, data.at("logits_story0_first32"));
  if (off > 1) bench::fail("logits are off by {:.1f} times the tolerance 1e-4", off);
  run.pass("slicegpt", off);
  run.note(file, fmt::format("an eigenvalue differs by {:.2e} of itself at most", eigenvalues));
}

}  // namespace bench::verify
