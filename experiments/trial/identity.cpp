#include "trial/identity.h"

#include <nlohmann/json.hpp>

#include "base/digest.h"
#include "base/file_digest.h"
#include "data/calibration.h"
#include "data/data.h"
#include "models/checkpoint.h"
#include "trial/source_digest.h"
#include "trial/stages.h"
#include "trial/trial.h"

namespace bench {
namespace {

namespace fs = std::filesystem;

/// The bytes that a model is. One file that nothing beside it explains is its own digest.
std::string model_digest(const fs::path& path) {
  if (fs::is_directory(path)) check_shipped(path);
  const auto files = files_of_model(path);
  if (files.size() == 1 && fs::is_regular_file(path)) return digest_of_file(path.string());
  std::string all;
  for (const auto& f : files)
    all += f.filename().string() + " " + digest_of_file(f.string()) + "\n";
  return sha256_hex(all);
}

/// Digests of what a task reads beside the shipped data, whose bytes are known: with another file
/// it is another trial.
Value own_files(const std::vector<std::string>& files) {
  Value all{Value::Map{}};
  for (const auto& file : files)
    if (shipped_digest(file).empty()) all.set(file, data_digest(file));
  return all;
}

/// What identity digests of a plugin: its keys, and the bytes of the files that they name.
template <class T>
Value plugin_identity(const Value& completed) {
  const auto& registry = Registry<T>::instance();
  auto id = registry.canonical(completed);
  Value all{Value::Map{}};
  for (const auto& file : registry.at(completed.find("name")->string(), "").schema.files(completed))
    if (std::error_code ignored; fs::is_regular_file(file, ignored))
      all.set(file, digest_of_file(file));
  if (!all.map().empty()) id.set("files", all);
  return id;
}

Value tasks_of(const Value& config) {
  std::map<std::string, std::vector<std::string>> files;
  for (const auto& [label, task] : tasks_from(config)) files[label] = task->files();
  Value tasks{Value::Map{}};
  for (const auto& [label, task, line] : config.find("task")->map()) {
    auto canonical = Registry<Task>::instance().canonical(task);
    // Where a task has a `file`, its `text` is a field in it.
    for (const char* file : {"file", "text"})
      if (const Value* f = task.find(file)) {
        canonical.set("bytes", data_digest(f->string()));
        break;
      }
    if (const auto bytes = own_files(files[label]); !bytes.map().empty())
      canonical.set("files", bytes);
    tasks.set(label, canonical);
  }
  return tasks;
}

void add_method(const Value& config, Value& id) {
  const auto method = method_from(config);
  id.set("criterion", plugin_identity<Criterion>(*config.find("criterion")));
  id.set("allocator", plugin_identity<Allocator>(*config.find("allocator")));
  Value::List updates;
  for (const auto& u : updates_of(config)) updates.push_back(plugin_identity<Update>(u));
  if (updates.size() == 1) id.set("update", updates.front());
  if (updates.size() > 1) id.set("update", Value(updates));
  id.set("pattern", Pattern::schema().canonical(*config.find("pattern")));
  // Where nothing is measured, the data changes nothing; a budget of operations is counted on it.
  if (!method.measures() && !stages_calibrate(config) && method.pattern.budget == "weights") return;
  const auto data = *config.find("data");
  id.set("data", calibration_schema().canonical(data));
  id.set("data_bytes", data_digest(data.find("file")->string()));
  if (config.find("propagation")->string() != "sequential_block")
    id.set("propagation", *config.find("propagation"));
}

Value identity_of(const Value& config) {
  const bool dense = is_dense(config);
  Value id{Value::Map{}};
  id.set("model", model_digest(model_path(config)));
  if (const auto& variant = config.find("model")->find("tokenizer")->string(); variant != "auto")
    id.set("tokenizer", variant);
  const auto compute =
      compute_type_at(model_path(config), config.find("model")->find("dtype")->string());
  if (compute != at::kFloat) id.set("dtype", name_of(compute));
  const bool nm = config.find("pattern")->find("kind")->string() == "nm";  // says its share itself
  const auto settings = trial_schema().canonical(config);
  for (const auto& e : settings.map())
    if (e.key == "device" || (!dense && ((e.key == "sparsity" && !nm) || e.key == "shrink")))
      id.set(e.key, e.value);
  if (!dense) add_method(config, id);
  add_stage_identity(config, id);
  id.set("tasks", tasks_of(config));
  return id;
}

std::string method_label(const Value& config) {
  const auto stages = stage_labels(config);
  if (is_dense(config)) return stages.empty() ? "dense" : "dense+" + stages;
  const Value* given = config.find("method");
  if (given && given->is_string() && !given->string().empty()) return given->string();
  auto label = config.find("criterion")->find("name")->string();
  for (const auto& u : updates_of(config)) label += "+" + u.find("name")->string();
  const auto allocator = config.find("allocator")->find("name")->string();
  if (allocator != "uniform") label += "/" + allocator;
  return stages.empty() ? label : label + "+" + stages;
}

using Json = nlohmann::json;

std::string difference_at(const Json& a, const Json& b, const std::string& place) {
  if (a == b) return "";
  if (!a.is_object() || !b.is_object()) return place;
  for (const auto* side : {&a, &b})
    for (const auto& [key, value] : side->items()) {
      const auto at = place.empty() ? key : place + "." + key;
      if (!a.contains(key) || !b.contains(key)) return at;
      if (auto found = difference_at(a[key], b[key], at); !found.empty()) return found;
    }
  return place;
}

template <class T>
void add_code(Json& all, const char* kind, const Value& part) {
  const auto& name = part.find("name")->string();
  const auto digest = source_digest(Registry<T>::instance().at(name, kind).file);
  if (!digest.empty()) all[fmt::format("{} {}", kind, name)] = digest;
}

}  // namespace

std::string code_of(const Value& config) {
  Json all = Json::object();
  const auto path = model_path(config);
  const auto type = model_type_of(path);
  const auto digest = source_digest(model_family(type, path.string()).file);
  if (!digest.empty()) all["model " + type] = digest;
  if (!is_dense(config)) {
    add_code<Criterion>(all, "criterion", *config.find("criterion"));
    add_code<Allocator>(all, "allocator", *config.find("allocator"));
    for (const auto& u : updates_of(config)) add_code<Update>(all, "update", u);
  }
  for (const char* part : {"before", "after"})
    if (const Value* stages = config.find(part); stages && stages->is_map())
      for (const auto& [label, stage, line] : stages->map()) add_code<Stage>(all, "stage", stage);
  for (const auto& [label, task, line] : config.find("task")->map())
    add_code<Task>(all, "task", task);
  return all.dump();
}

std::string first_difference(const std::string& identity, const std::string& other) {
  return difference_at(Json::parse(identity, nullptr, false), Json::parse(other, nullptr, false),
                       "");
}

TrialSpec spec_of(const Value& config) {
  TrialSpec s;
  s.config = to_json(config);
  s.identity = identity_text(identity_of(config));
  s.id = sha256_hex(s.identity).substr(0, 16);
  s.model = config.find("model")->find("name")->string();
  s.method = method_label(config);
  const auto pattern = Pattern::from(Config(*config.find("pattern"), "pattern"));
  s.pattern = is_dense(config) ? "dense" : pattern.label();
  s.sparsity = is_dense(config)             ? 0
               : pattern.fixed_share() >= 0 ? pattern.fixed_share()
                                            : std::get<double>(config.find("sparsity")->data);
  s.share_key = s.model + "|" + to_json(*config.find("data"));
  s.time_limit = std::get<double>(config.find("launcher")->find("time_limit")->data);
  s.code = code_of(config);
  return s;
}

}  // namespace bench
