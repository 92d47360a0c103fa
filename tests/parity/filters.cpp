// Filters that FPGM's own code keeps, ranks of feature maps that HRank's own code finds.
#include "measure/passes.h"
#include "core/group.h"
#include "parity/vision.h"

namespace bench::verify {
namespace {

/// Each layer's filters as a group of their own, without what couples them.
Group filters_of(Layer& layer) {
  Group g{layer.name, "channel"};
  g.units = layer.rows();
  g.slices = {{&layer, Slice::Out}};
  return g;
}

}  // namespace

void verify_fpgm(Run& run, const fs::path& file, const Json& record) {
  const auto& p = record.at("parameters");
  // dist_type changes nothing in their code: `== "l2" or "cos"` holds for every one.
  Value settings{Value::Map{}};
  settings.set("set_aside", Value(1 - p.at("compress_rate").get<double>()));
  const auto model = vision_model(run, record);
  const auto theirs = read_safetensors((file.parent_path() / "data.safetensors").string());
  const auto criterion = Registry<Criterion>::instance().create("fpgm", settings);
  const Stats none;
  int64_t seen = 0;
  at::NoGradGuard no_grad;
  for (Layer* l : model->layers()) {
    const auto name = short_module(l->name);
    const auto it = theirs.find(name + ".filter_keep");
    if (it == theirs.end()) continue;
    const auto count = removed_weights(l->rows(), p.at("distance_rate").get<double>());
    const auto keep = select_units(criterion->units(filters_of(*l), none).to(at::kFloat), count);
    if (!keep.equal(it->second.to(at::kBool)))
      bench::fail("{}: {} filters differ", name,
                  (keep != it->second.to(at::kBool)).sum().item<int64_t>());
    ++seen;
  }
  if (seen != static_cast<int64_t>(theirs.size()))
    bench::fail("{} of {} recorded layers were found", seen, theirs.size());
  run.pass("fpgm");
}

void verify_hrank(Run& run, const fs::path& file, const Json& record) {
  const auto model = vision_model(run, record);
  auto data = vision_batches(run, record, record.at("parameters").value("batches_of", int64_t{0}));
  const auto theirs = read_safetensors((file.parent_path() / "data.safetensors").string());
  const auto criterion = Registry<Criterion>::instance().create("hrank");
  const auto stats = collect({*model, {0, model->block_count()}, data, model->layers()},
                             criterion->needs(), Pass::Global);
  // A map is known by its writer: "bn1" behind the stem, "X.bn1" inside a block, "X" its output.
  std::map<std::string, const Layer*> readers;
  std::string before = "bn1";
  for (int64_t b = 1; b < model->block_count(); ++b) {
    const auto layers = model->layers(b);
    const auto first = short_module(layers.front()->name);
    readers[before] = layers.front();
    const auto at = first.substr(0, first.rfind('.'));
    for (size_t i = 1; i < layers.size(); ++i)
      if (const auto n = short_module(layers[i]->name); n.find(".conv") != std::string::npos)
        readers[fmt::format("{}.bn{}", at, i)] = layers[i];
    before = at;
  }
  double worst = 0;
  int64_t seen = 0;
  at::NoGradGuard no_grad;
  for (const auto& [name, ranks] : theirs) {
    const auto it = readers.find(name.substr(0, name.size() - std::string(".rank").size()));
    if (it == readers.end()) bench::fail("{}: no layer reads that map", name);
    const auto& l = *it->second;
    const auto s = criterion->score(View(l), *stats)[0];
    const double off = relative(s.slice(0, 0, s.size(0), l.columns_per_channel()), ranks);
    if (!(off <= 1e-3)) bench::fail("{}: mean rank off by {:.2e} of the largest", name, off);
    worst = std::max(worst, off);
    ++seen;
  }
  run.pass("hrank", worst / 1e-3);
}

}  // namespace bench::verify
