// The keys of a trial, and every key that a configuration may hold: what `bench explain` and
// docs/reference.md are made of.
#include "config/reference.h"
#include "walk/schedule.h"
#include "core/stage.h"
#include "core/task.h"
#include "data/calibration.h"
#include "fleet/launcher.h"

namespace bench {
namespace {

/// The kind itself, whose `name` chooses a plugin, then each plugin with its keys.
template <class T>
void add_plugins(std::vector<Declared>& parts, const std::string& kind, const std::string& doc) {
  const auto& registry = Registry<T>::instance();
  parts.push_back(
      {kind, doc, {required("name", Key::Type::String, "which one").one_of(registry.names())}});
  for (const auto& [name, plugin] : registry.all())
    parts.push_back({kind + "." + name, plugin.about.doc, plugin.schema});
}

}  // namespace

Schema trial_schema() {
  return {
      required("model", Key::Type::Map, "what is pruned (configs/model)"),
      optional("criterion", Key::Type::Map, "how much each weight matters (configs/criterion)"),
      optional("allocator", Key::Type::Map, "how the target is split (configs/allocator)"),
      optional("update", Key::Type::Any,
               "how layers are repaired: one, or a list of which each goes on from what the one "
               "before left; none (configs/update)"),
      optional("pattern", Key::Type::Map, "what may be removed (configs/pattern)"),
      optional("data", Key::Type::Map, "calibration data (configs/data)"),
      optional("before", Key::Type::Map, "stages before pruning: label -> stage (configs/stage)"),
      optional("after", Key::Type::Map, "stages behind every target: label -> stage"),
      optional("schedule", Key::Type::Map, "the targets on the way (configs/schedule)"),
      required("task", Key::Type::Map, "what is measured: label -> task (configs/task)"),
      optional("protocol", Key::Type::Map, "how it is measured (configs/protocol)"),
      optional("launcher", Key::Type::Map, "how trials are run (configs/launcher)")
          .without_identity(),
      key("method", "", "the method's name in tables; empty: made of its parts").without_identity(),
      key("sparsity", 0.5, "share of what the pattern can remove; 0: the dense model").range(0, 1),
      key("propagation", "sequential_block", "which activations statistics are taken from")
          .one_of({"dense", "sequential_block", "per_linear"}),
      key("shrink", false, "structured: remove the units for good before measuring"),
      key("seed", 0, "for ${seed} in the parts that draw random numbers").without_identity(),
      key("seeds", 1, "how many seeds a cell needs; fewer: INVALID").at_least(1).without_identity(),
      key("device", "cpu", "where the tensors live").one_of({"cpu", "cuda"}),
      key("residency", "auto",
          "where weights are: in memory as a whole, or block by block in the checkpoint and a "
          "scratch file (no result depends on it); auto: whole where memory has room")
          .one_of({"auto", "whole", "block"})
          .without_identity(),
      key("batch_tokens", 4096, "tokens that go through the model together")
          .range(1, 1 << 20)
          .in("tokens")
          .without_identity()};
}

Schema model_schema() {
  return {
      required("name", Key::Type::String, "the model's name in tables"),
      key("path", "", "a folder or file, hf:org/name, or a name in data/models; empty: the name")
          .without_identity(),
      key("dtype", "float32",
          "compute type of weights, products and hidden states; auto: the checkpoint's")
          .one_of({"auto", "float32", "bfloat16", "float16"})
          .without_identity(),
      key("tokenizer", "auto", "variant of the tokenizer where a protocol does not name one")
          .one_of({"auto", "spm", "slow4", "fast4", "hf5", "json"})};
}

Schema protocol_schema() {
  Schema all;
  for (const auto& [name, task] : Registry<Task>::instance().all())
    for (auto k : task.schema.keys())
      if (k.name == "protocol") {
        k.name = name;
        k.doc = "protocol of the " + name + " tasks that name none";
        all = all + Schema{k};
      }
  return all;
}

std::vector<Declared> declared_keys() {
  std::vector<Declared> parts{
      {"", "The whole configuration of one trial; maps are chosen in the groups of `configs/`.",
       trial_schema()},
      {"model", "What is pruned.", model_schema()}};
  add_plugins<Criterion>(parts, "criterion", "How much each weight matters.");
  add_plugins<Allocator>(parts, "allocator", "How the target is split over layers or groups.");
  add_plugins<Update>(parts, "update",
                      "How layers are repaired; `name: none` repairs nothing, a list is gone "
                      "through in order.");
  add_plugins<Stage>(parts, "stage", "Before and after pruning: label -> stage.");
  parts.push_back({"schedule", "How the target is reached.", schedule_schema()});
  parts.push_back({"pattern", "What may be removed.", Pattern::schema()});
  parts.push_back({"data", "Calibration data.", calibration_schema()});
  add_plugins<Task>(parts, "task", "What is measured: label -> task.");
  parts.push_back({"protocol", "How it is measured.", protocol_schema()});
  parts.push_back({"launcher", "How trials are run.", launcher_schema()});
  for (const auto& [kind, launcher] : launchers())
    if (!launcher.schema.keys().empty())
      parts.push_back({"launcher." + kind, launcher.doc, launcher.schema});
  return parts;
}

}  // namespace bench
