#include "parity/recorded.h"

#include "base/digest.h"
#include "tasks/scoring.h"

namespace bench::verify {
namespace {

Sequence as_ids(const Tensor& t) {
  const auto c = t.contiguous();
  const auto* p = c.const_data_ptr<int64_t>();
  return {p, p + c.numel()};
}

}  // namespace

Calibration recorded_calibration(Run& run, const fs::path& case_file, const Json& record) {
  const auto name = record.at("calibration").at("file").get<std::string>();
  const auto ids = read_safetensors(run.input(case_file, name).string()).at("ids");
  std::vector<Sequence> sequences;
  for (int64_t i = 0; i < ids.size(0); ++i) sequences.push_back(as_ids(ids[i]));
  Calibration c;
  c.batches = text_batches(sequences, 4096);
  c.hash = name;
  return c;
}

double eval40(Run& run, const fs::path& case_file, const std::string& file, const Model& model) {
  const auto t = read_safetensors(run.input(case_file, file).string());
  const auto ids = as_ids(t.at("ids")), offsets = as_ids(t.at("offsets"));
  std::vector<Sequence> stories;
  for (size_t i = 0; i + 1 < offsets.size(); ++i)
    stories.emplace_back(ids.begin() + offsets[i], ids.begin() + offsets[i + 1]);
  const auto losses = window_losses(model, stories, 4096);
  double sum = 0, predicted = 0;
  for (size_t i = 0; i < losses.size(); ++i) {
    const auto n = static_cast<double>(stories[i].size() - 1);
    sum += losses[i] * n;
    predicted += n;
  }
  return std::exp(sum / predicted);
}

Tensor unpack_mask(const Tensor& packed, at::IntArrayRef shape) {
  const auto shifts = at::arange(7, -1, -1, at::kByte);
  const auto bits = packed.flatten().unsqueeze(1).bitwise_right_shift(shifts).bitwise_and(1);
  int64_t total = 1;
  for (const auto s : shape) total *= s;
  return bits.flatten().slice(0, 0, total).reshape(shape).to(at::kBool);
}

void expect_relative(const std::string& what, double ours, double theirs, double tolerance) {
  if (!(std::abs(ours / theirs - 1) <= tolerance))
    bench::fail("{}: {:.8g} where {:.8g} is recorded", what, ours, theirs);
}

}  // namespace bench::verify
