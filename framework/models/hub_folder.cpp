#include "models/hub_folder.h"

#include <algorithm>
#include <fstream>
#include <set>

#include "base/error.h"
#include "formats/safetensors_file.h"
#include "tokenizers/gguf_tokenizer.h"

namespace bench {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

/// Units of each block's group of one kind, in order of the blocks.
std::vector<int64_t> units(Model& model, const std::string& kind) {
  std::vector<int64_t> all;
  for (const auto& g : model.groups(kind)) all.push_back(g.units);
  return all;
}

/// The one width of all blocks where it is another than the dense model's, else 0.
int64_t new_width(Model& model, Model& dense, const std::string& kind, const std::string& key,
                  const std::string& where) {
  const auto now = units(model, kind), before = units(dense, kind);
  if (now == before || now.empty()) return 0;
  const auto things = kind == "hidden" ? "hidden channels" : kind + "s";
  const auto [least, most] = std::minmax_element(now.begin(), now.end());
  if (*least != *most)
    fail(
        "{}: the blocks keep {} to {} {} each, and transformers knows one width for all: "
        "--padded writes every block as wide as before with zeros in it, --compact a folder that "
        "this program reads",
        where, *least, *most, things);
  if (kind == "hidden" && key.empty())
    fail(
        "{}: transformers derives the size of a head of this family from the hidden size, so that "
        "fewer hidden channels are no model of theirs, and zeros in their place would change every "
        "norm: --compact writes a folder that this program reads",
        where);
  if (key.empty())
    fail(
        "{}: transformers derives the {} of this family from the hidden size, so that fewer are "
        "no model of theirs: --padded writes zeros in their place, --compact a folder that this "
        "program reads",
        where, things);
  return *now.begin();
}

/// What no folder can hold: a residual stream that was turned, and, but for zeros in their place,
/// sublayers that are gone.
void check_whole(Model& model, Model& dense, const std::string& where) {
  std::set<std::string> known;
  for (const auto& t : dense.tensors()) known.insert(t.name);
  for (const auto& t : model.tensors())
    if (t.tensor->defined() && !known.count(t.name))
      fail(
          "{}: the pruned model has the tensor {}, which no model of this family has (a turned "
          "residual stream): it cannot be written as a folder",
          where, t.name);
  for (const Layer* l : model.layers())
    if (l->weight.numel() == 0)
      fail("{}: {} is gone as a whole: --padded writes zeros in its place", where, l->name);
}

void write_text(const fs::path& file, const std::string& text) {
  std::ofstream out(file, std::ios::binary);
  out << text << std::flush;
  if (!out) fail("{}: cannot be written", file.string());
}

void write_weights(Model& model, bool compact, const fs::path& file) {
  std::set<const Tensor*> transposed;
  for (const Layer* l : model.layers())
    if (l->stored_transposed) transposed.insert(&l->weight);
  std::vector<Model::Named> all;
  for (const auto& t : model.tensors())
    if (t.tensor->defined() && (t.parameter || compact)) all.push_back(t);
  const auto stored = [&](const Model::Named& t) {
    return transposed.count(t.tensor) ? t.tensor->t() : *t.tensor;
  };
  std::vector<SafetensorsFile::Entry> entries;
  for (const auto& t : all)
    entries.push_back({t.name, t.tensor->scalar_type(), stored(t).sizes().vec()});
  SafetensorsFile out(file.string(), entries, {{"format", "pt"}});
  for (const auto& t : all) out.append(stored(t).cpu().contiguous());
  out.finish();
}

/// What belongs to a tokenizer, and how to generate: copied as it is.
void copy_beside(const Checkpoint& source, const fs::path& folder) {
  if (source.vocabulary) {
    write_text(folder / "tokenizer.json", gguf_tokenizer_json(*source.vocabulary));
    write_text(folder / "tokenizer_config.json", gguf_tokenizer_config(*source.vocabulary));
    return;
  }
  for (const char* name :
       {"tokenizer.json", "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json",
        "vocab.json", "merges.txt", "added_tokens.json", "generation_config.json"})
    if (const auto file = source.folder / name; fs::exists(file))
      fs::copy_file(file, folder / name);
}

}  // namespace

Json hub_config(Model& model, const Checkpoint& source) {
  auto config = source.config;
  config.erase("dtype");
  config["torch_dtype"] = "float32";
  const auto dense = build_model(source);
  const auto where = source.folder.string();
  check_whole(model, *dense, where);
  const auto& keys = model_family(source.model_type(), where).widths;
  if (const auto n = new_width(model, *dense, "neuron", keys.neurons, where))
    config[keys.neurons] = n;
  if (const auto n = new_width(model, *dense, "head", keys.heads, where)) {
    const auto before = units(*dense, "head").front();
    const auto heads = config.at(keys.heads).get<int64_t>();
    config[keys.head_dim] = dense->groups("head").front().unit_width;
    config[keys.kv_heads] = n;
    config[keys.heads] = n * (heads / before);
  }
  // Where the class takes a head's size from config.json, the hidden size is free.
  const std::string hidden = keys.head_dim.empty() ? "" : "hidden_size";
  if (const auto n = new_width(model, *dense, "hidden", hidden, where)) {
    config[keys.head_dim] = model.groups("head").front().unit_width;
    config[hidden] = n;
  }
  return config;
}

void write_hub_folder(Model& model, const Checkpoint& source, bool compact,
                      const fs::path& folder) {
  // transformers has no class for our networks of images, whose buffers (norms) must not be lost.
  compact |= model_family(source.model_type(), source.folder.string()).images;
  auto config = compact ? source.config : hub_config(model, source);
  if (!config.is_object()) config = nlohmann::json::object();  // a bare file of weights had none
  config["model_type"] = source.model_type();
  config.erase("drawn");
  if (compact) {
    check_whole(model, *build_model(source), source.folder.string());
    config["prunebench"] = {{"layout", "compact"},
                            {"note", "each block has the widths of its own weights"}};
  }
  fs::create_directories(folder);
  write_text(folder / "config.json", config.dump(2) + "\n");
  write_weights(model, compact, folder / "model.safetensors");
  copy_beside(source, folder);
}

}  // namespace bench
