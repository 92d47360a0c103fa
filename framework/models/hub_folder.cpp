#include "models/hub_folder.h"

#include <algorithm>
#include <fstream>
#include <functional>
#include <map>
#include <set>

#include "base/error.h"
#include "core/mixture.h"
#include "formats/safetensors_file.h"
#include "tokenizers/gguf_tokenizer.h"

namespace bench {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

/// Units of each group of one kind, in order of the blocks, by the key of config.json that holds
/// them: the group's own, or the family's.
using Widths = std::map<std::string, std::vector<int64_t>>;
Widths widths(Model& model, const std::string& kind, const std::string& key) {
  Widths all;
  for (const auto& g : model.groups(kind)) all[g.key.empty() ? key : g.key].push_back(g.units);
  return all;
}

/// The one width of all these groups where it is another than the dense model's, else 0.
int64_t new_width(const std::vector<int64_t>& now, const std::vector<int64_t>& before,
                  const std::string& kind, const std::string& key, const std::string& where) {
  if (now == before || now.empty()) return 0;
  const auto things = kind == "hidden"     ? "hidden channels"
                      : kind == "head_dim" ? "channels of a head"
                                           : kind + "s";
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
  if (key.empty() || (kind == "neuron" && key.find(' ') != std::string::npos))
    fail(
        "{}: transformers derives the {} of this family from {}, so that fewer are "
        "no model of theirs: --padded writes zeros in their place, --compact a folder that this "
        "program reads",
        where, things, key.empty() ? "the hidden size" : key);
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
  for (const auto& t : model.tensors())
    if (t.parameter && !t.expert && t.tensor->defined() && t.tensor->numel() == 0)
      fail("{}: {} is gone as a whole: --padded writes zeros in its place", where, t.name);
}

void write_text(const fs::path& file, const std::string& text) {
  std::ofstream out(file, std::ios::binary);
  out << text << std::flush;
  if (!out) fail("{}: cannot be written", file.string());
}

/// A tensor of a file, made of one of the model's or of several.
struct Stored {
  std::string name;
  std::vector<Tensor> parts;  // more than one, or `stacked`: entries along a new first dim
  bool stacked = false;
  std::vector<int64_t> shape() const {
    auto all = parts.front().sizes().vec();
    if (stacked) all.insert(all.begin(), static_cast<int64_t>(parts.size()));
    return all;
  }
  Tensor value() const { return stacked ? at::stack(parts) : parts.front(); }
};

/// The tensors of the model as a file holds them. Experts of different widths, which a compact
/// folder may have, do not stack: they stand under names of their own.
std::vector<Stored> stored_tensors(Model& model, bool compact) {
  std::set<const Tensor*> transposed;
  for (const Layer* l : model.layers())
    if (l->stored_transposed) transposed.insert(&l->weight);
  std::vector<Stored> all;
  std::map<std::string, size_t> stacks;
  for (const auto& t : model.tensors()) {
    if (!t.tensor->defined() || !(t.parameter || compact)) continue;
    if (t.expert && t.tensor->numel() == 0) continue;
    const auto value = transposed.count(t.tensor) ? t.tensor->t() : *t.tensor;
    if (!t.rows.empty()) {
      auto name = t.rows;
      const auto at = name.find("{}");
      for (int64_t i = 0; i < value.size(0); ++i)
        all.push_back({name.substr(0, at) + std::to_string(i) + name.substr(at + 2), {value[i]}});
    } else if (t.within.empty() || compact) {
      all.push_back({t.name, {value}});
    } else {
      const auto [stack, added] = stacks.try_emplace(t.within, all.size());
      if (added) all.push_back({t.within, {}, true});
      all[stack->second].parts.push_back(value);
    }
  }
  return all;
}

void write_weights(Model& model, bool compact, const fs::path& file) {
  const auto all = stored_tensors(model, compact);
  std::vector<SafetensorsFile::Entry> entries;
  for (const auto& t : all) entries.push_back({t.name, t.parts.front().scalar_type(), t.shape()});
  SafetensorsFile out(file.string(), entries, {{"format", "pt"}});
  for (const auto& t : all) out.append(t.value().cpu().contiguous());
  out.finish();
}

/// What was written is read back: a family knows what its keys say of its tensors.
void check_reads_back(Model& model, const Json& config, const Checkpoint& source) {
  Checkpoint written;
  written.config = config;
  written.type_ = source.model_type();
  written.folder = source.folder;
  written.compute = source.compute;
  for (const auto& t : stored_tensors(model, false)) written.tensors[t.name] = t.value();
  const auto again = build_model(written);
  std::map<std::string, const Tensor*> theirs;
  for (const auto& t : again->tensors()) theirs[t.name] = t.tensor;
  for (const auto& t : model.tensors()) {
    if (t.parameter || !t.tensor->defined() || t.tensor->scalar_type() == at::kBool) continue;
    if (!theirs.count(t.name) || !theirs[t.name]->defined() ||
        !theirs[t.name]->cpu().equal(t.tensor->cpu()))
      fail(
          "{}: transformers has no place for {}: --compact writes a folder that this program reads",
          source.folder.string(), t.name);
  }
}

/// What belongs to a tokenizer, how to generate and how images are normalised: copied as it is.
void copy_beside(const Checkpoint& source, const fs::path& folder) {
  if (source.vocabulary) {
    write_text(folder / "tokenizer.json", gguf_tokenizer_json(*source.vocabulary));
    write_text(folder / "tokenizer_config.json", gguf_tokenizer_config(*source.vocabulary));
    return;
  }
  for (const char* name :
       {"tokenizer.json", "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json",
        "vocab.json", "vocab.txt", "merges.txt", "added_tokens.json", "generation_config.json",
        "preprocessor_config.json"})
    if (const auto file = source.folder / name; fs::exists(file))
      fs::copy_file(file, folder / name);
}

}  // namespace

Json hub_config(Model& model, const Checkpoint& source) {
  auto config = source.config;
  config.erase("dtype");
  config["torch_dtype"] = name_of(source.compute);
  const auto dense = build_model(source);
  const auto where = source.folder.string();
  check_whole(model, *dense, where);
  if (auto* routed = dynamic_cast<Routed*>(&model)) {
    for (int64_t i = 0; i < model.block_count(); ++i) {
      const auto* m = routed->mixture(i);
      if (m && m->alive.defined())
        fail(
            "{}: block {} has experts that are masked and not cut away, and a router of "
            "transformers would choose them: export the model without --padded",
            where, i);
      if (m && m->constants.defined())
        fail(
            "{}: block {} has constants in place of experts, which no model of transformers has: "
            "--compact writes a folder that this program reads",
            where, i);
    }
  }
  const auto& keys = model_family(source.model_type(), where).widths;
  const auto narrowed = [&](const std::string& kind, const std::string& family_key,
                            const std::function<void(const std::string&, int64_t, int64_t)>& set) {
    const auto now = widths(model, kind, family_key), before = widths(*dense, kind, family_key);
    for (const auto& [key, old] : before) {
      const auto it = now.find(key);
      if (it == now.end()) continue;
      if (const auto n = new_width(it->second, old, kind, key, where)) set(key, n, old.front());
    }
  };
  const auto set = [&](const std::string& key, int64_t n, int64_t) { config[key] = n; };
  narrowed("neuron", keys.neurons, set);
  narrowed("expert", "", set);
  narrowed("head_dim", "", set);
  narrowed("head", keys.heads, [&](const std::string&, int64_t n, int64_t before) {
    const auto heads = config.at(keys.heads).get<int64_t>();
    const auto of_keys = config.value(keys.kv_heads, Json());
    if (!keys.head_dim.empty()) config[keys.head_dim] = dense->groups("head").front().unit_width;
    if (!of_keys.is_number() || of_keys == before) config[keys.kv_heads] = n;
    config[keys.heads] = n * (heads / before);
  });
  // Where the class takes a head's size from config.json, the hidden size is free.
  const std::string hidden = keys.head_dim.empty() ? "" : "hidden_size";
  narrowed("hidden", hidden, [&](const std::string& key, int64_t n, int64_t) {
    config[keys.head_dim] = model.groups("head").front().unit_width;
    config[key] = n;
  });
  // Of a classifier the key says nothing.
  const auto& embedding = *model.tensors()[0].tensor;
  const auto& head = model.classifier().weight;
  if (model.input() != Input::Images && config.contains("tie_word_embeddings") &&
      head.sizes() == embedding.sizes())
    config["tie_word_embeddings"] = head.is_same(embedding);
  check_reads_back(model, config, source);
  return config;
}

void write_hub_folder(Model& model, const Checkpoint& source, bool compact,
                      const fs::path& folder) {
  // transformers has no class for networks of images with buffers (norms), nor for those that came
  // from elsewhere.
  const auto& family = model_family(source.model_type(), source.folder.string());
  compact |= family.images && (!family.hub || !source.config.contains("architectures"));
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
