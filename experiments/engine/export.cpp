// export: a trial's model as a Hugging Face folder, read again and scored again before it counts.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "base/error.h"
#include "engine/recorded_trial.h"
#include "engine/words.h"
#include "models/hub_folder.h"
#include "reports/escape.h"
#include "trial/run_trial.h"

namespace bench::engine {
namespace {

namespace fs = std::filesystem;

struct Recorded : RecordedTrial {
  Value config;
};

Recorded read_trial(const std::string& path, const std::string& id) {
  auto r = recorded_trial("export", path, id);
  if (r.trial.state != "done")
    fail("export: trial {} is {}, not done; nothing of it was measured", r.trial.id.substr(0, 16),
         r.trial.state);
  auto config = runnable(r.trial);
  return {std::move(r), std::move(config)};
}

/// The trial's tasks on the folder as a dense model.
Value rescoring(const Recorded& r, const fs::path& folder) {
  Value config = r.config;
  Value model = *config.find("model");
  model.set("path", folder.string() + "/");
  config.set("model", std::move(model));
  config.set("sparsity", 0.0);
  Value pattern = *config.find("pattern");
  pattern.set("kind", "unstructured");  // removes only what it is asked to: nothing
  config.set("pattern", std::move(pattern));
  return config;
}

/// How far the folder's metrics are from the trial's, relative; what is no property of the
/// function (sizes, speed) is left out.
struct Rescored {
  std::string text;
  double worst = 0;
};
Rescored compare(const Outcome& recorded, const Outcome& again) {
  Rescored r;
  for (const auto& m : recorded.metrics) {
    if (m.items.empty()) continue;
    for (const auto& n : again.metrics) {
      if (m.task != n.task || m.protocol != n.protocol || m.name != n.name) continue;
      const double off = std::abs(n.value - m.value) / std::max(std::abs(m.value), 1e-12);
      r.worst = std::max(r.worst, off);
      r.text += fmt::format("  {} {}: {:.10g} recorded, {:.10g} from the folder\n",
                            printable(m.task), printable(m.name), m.value, n.value);
    }
  }
  return r;
}

void write_note(const Recorded& r, const PrunedModel& pruned, const fs::path& folder) {
  nlohmann::ordered_json note = {{"made_by", "PruneBench " BENCH_VERSION},
                                 {"trial", r.trial.id},
                                 {"method", r.trial.method},
                                 {"pattern", r.trial.pattern},
                                 {"sparsity", r.trial.sparsity},
                                 {"certificate", pruned.certificate.text()},
                                 {"config", r.trial.config}};
  for (const auto& m : r.outcome.metrics)
    note["metrics"].push_back(
        {{"task", m.task}, {"protocol", m.protocol}, {"name", m.name}, {"value", m.value}});
  std::ofstream out(folder / "prunebench.json");
  out << note.dump(2) << "\n" << std::flush;
  if (!out) fail("{}: cannot be written", (folder / "prunebench.json").string());
}

/// Every tensor must come back bit for bit, the masks must hold, the metrics must be the trial's.
Rescored check(const Recorded& r, PrunedModel& pruned, const std::string& weights, bool factors,
               const fs::path& folder) {
  {
    auto checkpoint = read_checkpoint(folder);
    checkpoint.compute = pruned.loaded->checkpoint.compute;
    const auto model = build_model(checkpoint);
    if (weight_hash(*model) != weights)
      fail("export: {}: the weights that come back are not those that were written",
           folder.string());
    if (!pruned.certificate.layers.empty())
      certify_weights(*model, pruned.pattern, pruned.certificate, "reload");
  }
  Workbench bench;
  const auto again = run_trial(rescoring(r, folder), bench);
  auto compared = compare(r.outcome, again);
  // Sums over fewer terms, and zeros among them, round differently in the last bit; a product is
  // rounded in other places than its two factors.
  if (!(compared.worst <= (factors ? 1e-5 : 1e-6)))
    fail(
        "export: the folder does not score as trial {} did:\n{}this machine may compute other "
        "bits than the one that recorded it; 'bench run' the trial here, then export it",
        r.trial.id.substr(0, 16), compared.text);
  return compared;
}

}  // namespace

namespace {

/// Channels of the residual stream, as the pattern asks for them.
bool prunes_hidden(const Value& config) {
  const auto* groups = config.find("pattern")->find("groups");
  if (!groups || !groups->is_list()) return false;
  return std::any_of(groups->list().begin(), groups->list().end(),
                     [](const Value& g) { return g == Value("hidden"); });
}

}  // namespace

int export_trial(const Arguments& words_in) {
  const Words words(words_in);
  const bool padded = words.has("--padded"), compact = words.has("--compact");
  if (padded && compact) fail("export: --padded and --compact are two layouts; choose one");
  auto r = read_trial(words.get("--db", "out/bench.db"), words.arguments().at(0));
  const fs::path folder = words.arguments().at(1);
  if (fs::exists(folder) && !(fs::is_directory(folder) && fs::is_empty(folder)))
    fail("export: {} is there already; name another folder", folder.string());
  const bool shrunk = std::get<bool>(r.config.find("shrink")->data);
  if (padded && shrunk && prunes_hidden(r.config))
    fail(
        "export: --padded cannot hold a narrower residual stream: with zeros in their place its "
        "norms "
        "would still divide by all channels; leave the flag out, or give --compact");
  if (padded) r.config.set("shrink", false);
  Workbench bench;
  auto pruned = pruned_model(r.config, bench);
  const auto recorded = hash_of(r.outcome.hashes, "pruned_weights");
  const bool same = recorded == weight_hash(*pruned.loaded->model);
  if (!recorded.empty() && !same && (!padded || !shrunk))
    std::cout << "these weights are not the trial's bit for bit: another machine or program made "
                 "it; the scores below decide\n";
  const bool factors = merge_factors(*pruned.loaded->model);  // their product is written
  const auto weights = weight_hash(*pruned.loaded->model);
  auto partial = folder;
  partial += ".partial";
  fs::remove_all(partial);
  try {
    write_hub_folder(*pruned.loaded->model, pruned.loaded->checkpoint, compact, partial);
    write_note(r, pruned, partial);
    const auto compared = check(r, pruned, weights, factors, partial);
    fs::remove(folder);  // empty, if it is there
    fs::rename(partial, folder);
    std::cout << fmt::format(
        "{}: trial {} as a {} folder\n{}read again: weights equal bit for bit, worst metric off by "
        "{:.1e}\n",
        printable(folder.string()), r.trial.id.substr(0, 16),
        compact  ? "compact"
        : padded ? "padded"
                 : "Hugging Face",
        compared.text, compared.worst);
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(partial, ignored);
    throw;
  }
  return 0;
}

}  // namespace bench::engine
