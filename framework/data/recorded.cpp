#include "data/recorded.h"

#include "base/error.h"
#include "config/config.h"
#include "hydra/yaml/yaml.h"
#include "data/data.h"

namespace bench {
namespace {

namespace fs = std::filesystem;
using Type = Key::Type;

fs::path folder() {
  return home() / "data/recorded";
}

Value read(const fs::path& file) {
  return load_yaml(read_file(file), file.string());
}

Schema data_schema() {
  return {key("file", "", "the file, below data/"),
          key("sha256", "", "of its bytes; empty: as data/manifest.json says"),
          key("also", std::vector<std::string>{}, "other names"),
          key("corpus", "", "what it is a part of"),
          key("rows", -1, "rows or documents"),
          key("format", "auto", "how the file becomes documents"),
          key("join", "\n\n", "what stands between documents"),
          key("source", "", "where the values come from")};
}

Schema gate_schema() {
  return {required("task", Type::String, "its name in tables, with the window"),
          required("protocol", Type::String, "the way of measuring"),
          required("metric", Type::String, "its name in tables"),
          required("value", Type::Float, "what the dense model measures"),
          required("within", Type::Float, "how far another value may be off"),
          key("source", "", "who measured it")};
}

Schema model_record_schema() {
  return {optional("tokenizer", Type::Map, "variant -> hash"),
          optional("tokens", Type::Map, "data set -> variant -> number of ids"),
          optional("gates", Type::Any, "what the dense model measures"),
          key("source", "", "where the values come from")};
}

std::vector<RecordedData> read_datasets() {
  std::vector<RecordedData> all;
  const auto written = read(folder() / "datasets.yaml");
  for (const auto& [name, entry, kind] : written.map()) {
    const Config c(data_schema().complete(entry, name), name);
    RecordedData d{name,
                   c.get<std::string>("file"),
                   c.get<std::string>("corpus"),
                   c.get<std::string>("sha256"),
                   c.get<int64_t>("rows"),
                   c.get<std::string>("format"),
                   c.get<std::string>("join")};
    if (d.sha256.empty()) d.sha256 = shipped_digest(d.file);
    if (d.corpus.empty()) d.corpus = name;
    all.push_back(d);
    for (const auto& other : c.get<std::vector<std::string>>("also")) {
      d.name = other;
      all.push_back(d);
    }
  }
  return all;
}

const std::vector<RecordedData>& datasets() {
  static const auto all = read_datasets();
  return all;
}

const Value::Map& map_at(const std::string& path, const Value& value) {
  if (!value.is_map()) fail("{}{}: is no map", where(value), path);
  return value.map();
}

RecordedModel read_model(const fs::path& file) {
  const auto name = file.stem().string();
  const Config c(model_record_schema().complete(read(file), name), name);
  RecordedModel m;
  if (c.has("tokenizer"))
    for (const auto& [variant, hash, kind] : c.value().find("tokenizer")->map())
      if (hash.is_string()) m.tokenizers[variant] = hash.string();
  if (c.has("tokens"))
    for (const auto& [data, variants, kind] : c.value().find("tokens")->map())
      for (const auto& [variant, count, also] : map_at(data, variants))
        if (count.is_int()) m.tokens[{data, variant}] = std::get<int64_t>(count.data);
  const Value* gates = c.value().find("gates");
  if (!gates || gates->is_null()) return m;
  if (!gates->is_list()) fail("{}{}.gates: is no list", where(*gates), name);
  for (const auto& written : gates->list()) {
    const Config g(gate_schema().complete(written, name + ".gates"), name + ".gates");
    m.gates.push_back({g.get<std::string>("task"), g.get<std::string>("protocol"),
                       g.get<std::string>("metric"), g.get<double>("value"),
                       g.get<double>("within"), g.get<std::string>("source")});
  }
  return m;
}

}  // namespace

const RecordedData* recorded_data(const std::string& name) {
  for (const auto& d : datasets())
    if (d.name == name) return &d;
  return nullptr;
}

const RecordedData* recorded_bytes(const std::string& sha256) {
  for (const auto& d : datasets())
    if (!d.sha256.empty() && d.sha256 == sha256) return &d;
  return nullptr;
}

RecordedModel recorded_model(const std::string& name) {
  if (name.empty() || name.find('/') != std::string::npos) return {};
  const auto file = folder() / "models" / (name + ".yaml");
  std::error_code ignored;
  return fs::is_regular_file(file, ignored) ? read_model(file) : RecordedModel{};
}

}  // namespace bench
