// IFSO's channel scores, finite differences and exact, on the recorded batches.
#include <algorithm>

#include "measure/passes.h"
#include "data/images.h"
#include "parity/recorded.h"

namespace bench::verify {
namespace {

struct Variant {
  const char *name, *backend, *dtype;
};

std::string short_name(const std::string& layer) {
  for (const std::string prefix : {"backbone.", "head."})
    if (layer.rfind(prefix, 0) == 0) return layer.substr(prefix.size());
  return layer;
}

double spearman(const Tensor& a, const Tensor& b) {
  const auto ranks = [](const Tensor& x) {
    return x.argsort(true, 0).argsort(true, 0).to(at::kDouble);
  };
  const auto x = ranks(a) - ranks(a).mean(), y = ranks(b) - ranks(b).mean();
  return ((x * y).sum() / (x.square().sum() * y.square().sum()).sqrt()).item<double>();
}

/// The checkpoint itself, or its conversion beside it.
fs::path checkpoint_of(const Run& run, const std::string& checkpoint) {
  try {
    return run.data(checkpoint);
  } catch (const Missing&) {
    return run.data(fs::path(checkpoint).replace_extension(".safetensors").string());
  }
}

Calibration batches_of(const Run& run, const Json& record) {
  const auto file = run.data(record.at("batch").at("file").get<std::string>());
  Calibration c;
  for (const auto& range : record.at("batch").at("batches")) {
    const auto first = range[0].get<int64_t>(), last = range[1].get<int64_t>();
    c.batches.push_back(read_cifar(file.string(), first, last - first + 1));
  }
  return c;
}

/// The lowest units of all groups: group and index, in the order in which they would go.
std::vector<std::pair<std::string, int64_t>> first_channels(Model& model,
                                                            const Criterion& criterion,
                                                            const Stats& stats, size_t count) {
  std::vector<std::tuple<double, std::string, int64_t>> all;
  for (const auto& g : model.groups("channel")) {
    const auto values = criterion.units(g, stats);
    const auto gone = g.gone();
    for (int64_t u = 0; u < g.units; ++u)
      if (!gone[u].item<bool>()) all.emplace_back(values[u].item<double>(), g.name, u);
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const auto& a, const auto& b) { return std::get<0>(a) < std::get<0>(b); });
  std::vector<std::pair<std::string, int64_t>> first;
  for (size_t i = 0; i < count && i < all.size(); ++i)
    first.emplace_back(std::get<1>(all[i]), std::get<2>(all[i]));
  return first;
}

void verify_variant(Run& run, Model& model, const TensorMap& data, const Calibration& calibration,
                    const Json& parameters, const Json& result, const Variant& v) {
  Value settings{Value::Map{{"backend", v.backend},
                            {"dtype", v.dtype},
                            {"lambda", parameters.at("lambda_").get<double>()},
                            {"step", parameters.at("r").get<double>()}}};
  const auto criterion = Registry<Criterion>::instance().create("ifso", settings);
  const auto stats = collect({model, {0, model.block_count()}, calibration, model.layers()},
                             criterion->needs(), Pass::Global);
  std::vector<Tensor> ours, theirs;
  const auto layers = model.layers();
  for (size_t i = 1; i < layers.size(); ++i) {  // the first convolution's inputs are never scored
    const auto name = fmt::format("{}.S.{}", v.name, short_name(layers[i]->name));
    const auto s = criterion->score(View(*layers[i]), *stats)[0];
    ours.push_back(s.slice(0, 0, s.size(0), layers[i]->columns_per_channel()).to(at::kDouble));
    theirs.push_back(data.at(name));
  }
  const auto a = at::cat(ours), b = at::cat(theirs);
  const double off = ((a - b).abs().max() / b.abs().max()).item<double>();
  const double l2 = ((a - b).norm() / b.norm()).item<double>();
  // ReLU kinks inside the step make float32 differences evaluation-order dependent (ifso.md 1.6).
  const bool exact_or_wide = std::string(v.name) != "fd_float32";
  if (exact_or_wide && !(l2 <= 1e-3))
    bench::fail("{}: relative L2 distance {:.2e}, largest {:.2e}", v.name, l2, off);
  if (!exact_or_wide && !(spearman(a, b) >= 0.99))
    bench::fail("{}: Spearman correlation {:.4f}", v.name, spearman(a, b));
  const auto first = first_channels(model, *criterion, *stats, 10);
  const auto& recorded = result.at(v.name).at("first10_without_rescoring");
  for (size_t i = 0; exact_or_wide && i < recorded.size() && i < first.size(); ++i)
    if (first[i].first != recorded[i][0].get<std::string>() ||
        first[i].second != recorded[i][1].get<int64_t>())
      bench::fail("{}: channel {} to go is {}/{}, where {}/{} is recorded", v.name, i + 1,
                  first[i].first, first[i].second, recorded[i][0].get<std::string>(),
                  recorded[i][1].get<int64_t>());
  run.pass(fmt::format("ifso {}", v.name), exact_or_wide ? l2 / 1e-3 : 0);
}

}  // namespace

void verify_ifso(Run& run, const fs::path& file, const Json& record) {
  const auto checkpoint =
      read_checkpoint(checkpoint_of(run, record.at("checkpoint").get<std::string>()));
  const auto model = build_model(checkpoint);
  const auto data = read_safetensors((file.parent_path() / "data.safetensors").string());
  const auto calibration = batches_of(run, record);
  for (const Variant v :
       {Variant{"exact_float64", "exact", "float64"}, Variant{"exact_float32", "exact", "float32"},
        Variant{"fd_float64", "fd", "float64"}, Variant{"fd_float32", "fd", "float32"}})
    run.guarded("ifso", file, [&] {
      verify_variant(run, *model, data, calibration, record.at("parameters"), record.at("result"),
                     v);
    });
}

}  // namespace bench::verify
