#include "models/checkpoint.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>

#include "base/error.h"
#include "base/near.h"
#include "config/registry.h"
#include "core/residency.h"
#include "tokenizers/json_file.h"
#include "tokenizers/source_files.h"
#include "formats/drawn.h"
#include "formats/gguf.h"
#include "formats/torch_file.h"

namespace bench {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

std::map<std::string, ModelFamily>& families() {
  static std::map<std::string, ModelFamily> all;
  return all;
}

Json read_json(const fs::path& file) {
  auto json = text::parse_json(text::read_bytes(file), file.string());
  if (!json.is_object()) fail("{}: is no JSON object", file.string());
  return json;
}

/// Files of torch.save, by the endings they go by.
bool torch_saved(const fs::path& file) {
  const auto e = file.extension();
  return e == ".th" || e == ".pth" || e == ".pt" || e == ".bin" || e == ".ckpt" || e == ".tar";
}

/// Without the first word of all names, where they share it; false where they do not.
bool drop_first_word(TensorMap& tensors) {
  if (tensors.empty()) return false;
  const auto& any = tensors.begin()->first;
  const auto word = any.substr(0, any.find('.') + 1);
  if (word.empty()) return false;
  TensorMap shorter;
  for (const auto& [name, t] : tensors) {
    if (!name.starts_with(word) || name.size() == word.size()) return false;
    shorter.emplace(name.substr(word.size()), t);
  }
  tensors = std::move(shorter);
  return true;
}

TensorMap read_weights(const Checkpoint& c, const fs::path& weights) {
  const auto name = weights.filename().string(), file = weights.string();
  if (name == "config.json") return drawn_tensors(c.config.at("drawn"), file);
  if (name.ends_with(".bin.index.json")) return read_index(file, read_torch_file);
  if (name.ends_with(".index.json")) return read_safetensors_index(file);
  return torch_saved(weights) ? read_torch_file(file) : read_safetensors(file);
}

/// What a bare CNN file is, by its tensors' names.
std::string guess_type(const TensorMap& tensors) {
  const auto both = [&](const char* a, const char* b) {
    return tensors.count(a) && tensors.count(b);
  };
  if (tensors.count("detect.cls.weight")) return "resnet_detector";
  if (both("linear.weight", "layer1.0.conv1.weight") ||
      both("fc.weight", "blocks.0.conv1.weight") ||
      both("head.fc.weight", "backbone.layer1.0.conv1.weight"))
    return "resnet_cifar";
  if (both("fc.weight", "layer1.0.conv1.weight")) return "resnet";
  if (tensors.count("features.0.weight") || tensors.count("backbone.features.0.conv.weight"))
    return "vgg";
  if (both("patch_embed.proj.weight", "blocks.0.attn.qkv.weight") ||
      both("conv_proj.weight", "class_token"))
    return "vit";
  if (tensors.count("layers.0.blocks.0.attn.relative_position_bias_table") ||
      tensors.count("features.1.0.attn.relative_position_bias_table"))
    return "swin";
  if (tensors.count("stages.0.blocks.0.conv_dw.weight") ||
      both("features.1.0.block.0.weight", "features.1.0.block.5.weight"))
    return "convnext";
  if (tensors.count("features.denseblock1.denselayer1.conv1.weight") ||
      tensors.count("features.denseblock1.denselayer1.conv.1.weight"))
    return "densenet";
  if (tensors.count("features.1.0.block.0.0.weight")) return "efficientnet";
  if (tensors.count("features.1.block.0.0.weight")) return "mobilenet_v3";
  if (tensors.count("trunk_output.block1.block1-0.f.a.0.weight")) return "regnet";
  if (both("conv2.weight", "fc2.weight")) return "lenet";
  if (both("layers.0.conv3.weight", "linear.weight") || tensors.count("features.1.conv.0.0.weight"))
    return "mobilenet_v2";
  return both("layers.0.conv2.weight", "linear.weight") ? "mobilenet_v1" : "";
}

Checkpoint from_gguf(const fs::path& file) {
  auto g = read_gguf(file.string());
  Checkpoint c;
  c.config = std::move(g.config);
  c.tensors = std::move(g.tensors);
  c.folder = file;
  c.type_ = c.config["model_type"];
  c.vocabulary = std::make_shared<const BpeVocabulary>(std::move(g.vocabulary));
  return c;
}

Checkpoint from_folder(const fs::path& folder, const fs::path& weights) {
  Checkpoint c;
  c.folder = folder;
  if (fs::exists(folder / "config.json")) c.config = read_json(folder / "config.json");
  c.tensors = read_weights(c, weights);
  c.type_ = c.config.is_object() ? c.config.value("model_type", std::string()) : std::string();
  // A class around the network gives all names a word in front (Lightning: "model.").
  if (c.type_.empty())
    for (c.type_ = guess_type(c.tensors); c.type_.empty() && drop_first_word(c.tensors);)
      c.type_ = guess_type(c.tensors);
  if (c.type_.empty())
    fail(
        "{}: config.json is missing or has no model_type, and the names of its tensors are those "
        "of no known network (the first is {})",
        weights.string(), c.tensors.empty() ? "none" : c.tensors.begin()->first);
  return c;
}

/// models--org--name/snapshots/<revision> of the Hugging Face cache; refs/main names the revision.
fs::path hugging_face(const std::string& name) {
  fs::path hub;
  if (const char* dir = std::getenv("HF_HUB_CACHE"))
    hub = dir;
  else if (const char* home = std::getenv("HF_HOME"))
    hub = fs::path(home) / "hub";
  else if (const char* user = std::getenv("HOME"))
    hub = fs::path(user) / ".cache/huggingface/hub";
  auto folder = name;
  for (size_t at; (at = folder.find('/')) != std::string::npos;) folder.replace(at, 1, "--");
  const auto entry = hub / ("models--" + folder);
  std::ifstream ref(entry / "refs/main");
  std::string revision;
  ref >> revision;
  if (!revision.empty() && fs::exists(entry / "snapshots" / revision))
    return entry / "snapshots" / revision;
  std::vector<fs::path> snapshots;
  if (fs::is_directory(entry / "snapshots"))
    for (const auto& s : fs::directory_iterator(entry / "snapshots")) snapshots.push_back(s.path());
  if (snapshots.size() == 1) return snapshots.front();
  if (!snapshots.empty())
    fail("model 'hf:{}': {} does not say which of {} snapshots is meant; give the folder of one",
         name, (entry / "refs/main").string(), snapshots.size());
  fail(
      "model 'hf:{}': is not in the Hugging Face cache {}; nothing is downloaded by this program: "
      "fetch it with huggingface-cli, or give a folder",
      name, hub.string());
}

}  // namespace

Tensor Checkpoint::take_if(const std::string& name) const {
  auto it = tensors.find(name);
  taken_.insert(name);
  // Files saved from the bare model omit the first word of the class's names.
  if (it == tensors.end())
    for (const std::string prefix : {"model.", "transformer."})
      if (it == tensors.end() && name.rfind(prefix, 0) == 0)
        it = tensors.find(name.substr(prefix.size()));
  if (it == tensors.end()) return {};
  taken_.insert(it->first);
  if (!it->second.is_floating_point()) return it->second;
  const auto t = it->second.to(compute);
  return by_block ? stow(t) : t;
}

Tensor Checkpoint::take(const std::string& name) const {
  auto t = take_if(name);
  if (!t.defined()) fail("{}: the tensor {} is missing", folder.string(), name);
  return t;
}

namespace {

/// Tensors that files carry beside a network and that change nothing of what it computes.
bool beside_the_network(const std::string& name) {
  const auto last = name.substr(name.rfind('.') + 1);
  return last == "num_batches_tracked" ||                                // a counter of training
         last.starts_with("in_mask") || last.starts_with("out_mask") ||  // IFSO's: cut already
         name == "image_mean" || name == "image_std";  // ours, in config.json as well
}

}  // namespace

void Checkpoint::check_all_taken() const {
  for (const auto& [name, t] : tensors)
    if (!taken_.contains(name) && !beside_the_network(name))
      fail("{}: the tensor {} is none of a {}: the network is another one than its names suggest",
           folder.string(), name, type_);
}

std::vector<int64_t> Checkpoint::ends() const {
  const auto file = folder / "generation_config.json";
  std::error_code ignored;
  const bool there = fs::is_directory(folder, ignored) && fs::exists(file, ignored);
  const auto generation = there ? read_json(file) : Json::object();
  std::vector<int64_t> ids;
  for (const auto* from : {&generation, &config}) {
    if (!from->is_object() || !from->contains("eos_token_id")) continue;
    const auto& eos = from->at("eos_token_id");
    for (const auto& id : eos.is_array() ? eos : Json::array({eos}))
      if (id.is_number_integer()) ids.push_back(id.get<int64_t>());
    if (!ids.empty()) break;
  }
  return ids;
}

std::unique_ptr<Tokenizer> Checkpoint::tokenizer(const std::string& variant) const {
  if (vocabulary) return make_gguf_tokenizer(*vocabulary);
  return load_tokenizer(folder, variant);
}

namespace {

/// The file that a folder's weights are read from, or the file itself; empty: there is none.
fs::path weights_at(const fs::path& path) {
  if (path.extension() == ".gguf" || path.extension() == ".safetensors" || torch_saved(path))
    return path;
  for (const char* file : {"model.safetensors", "model.safetensors.index.json", "pytorch_model.bin",
                           "pytorch_model.bin.index.json"})
    if (fs::exists(path / file)) return path / file;
  std::set<fs::path> ggufs;
  if (fs::is_directory(path))
    for (const auto& f : fs::directory_iterator(path))
      if (f.path().extension() == ".gguf") ggufs.insert(f.path());
  if (ggufs.size() > 1)
    fail("{}: holds {} .gguf files ({}, ...); name one of them", path.string(), ggufs.size(),
         ggufs.begin()->filename().string());
  if (!ggufs.empty()) return *ggufs.begin();
  if (const auto config = path / "config.json";
      fs::exists(config) && read_json(config).contains("drawn"))
    return config;
  return {};
}

}  // namespace

Checkpoint read_checkpoint(const fs::path& path) {
  const auto weights = weights_at(path);
  if (weights.empty())
    fail(
        "{}: holds no model.safetensors, pytorch_model.bin, index of either or .gguf file, and no "
        "config.json with 'drawn' weights",
        path.string());
  return weights.extension() == ".gguf" ? from_gguf(weights)
                                        : from_folder(weights.parent_path(), weights);
}

std::vector<fs::path> files_of_model(const fs::path& path) {
  const auto weights = weights_at(path);
  std::vector<fs::path> all;
  const auto add = [&](const fs::path& file) {
    if (fs::is_regular_file(file) && std::find(all.begin(), all.end(), file) == all.end())
      all.push_back(file);
  };
  if (!weights.empty()) add(weights);
  if (weights.extension() == ".gguf") return all;  // holds its tokenizer
  const auto folder = fs::is_directory(path) ? path : path.parent_path();
  if (weights.filename().string().ends_with(".index.json"))
    for (const auto& shard : shards_of(weights.string())) add(folder / shard);
  for (const char* name : {"config.json", "generation_config.json", "preprocessor_config.json"})
    add(folder / name);
  for (const auto& name : text::tokenizer_files()) add(folder / name);
  std::sort(all.begin(), all.end());
  return all;
}

std::unique_ptr<Tokenizer> tokenizer_at(const fs::path& path, const std::string& variant) {
  if (weights_at(path).extension() == ".gguf") return read_checkpoint(path).tokenizer(variant);
  return load_tokenizer(fs::is_directory(path) ? path : path.parent_path(), variant);
}

fs::path resolve_model(const std::string& name, const std::vector<fs::path>& folders) {
  if (name.rfind("hf:", 0) == 0) return hugging_face(name.substr(3));
  if (fs::exists(name) && name.find('/') != std::string::npos) return name;
  std::string tried;
  std::vector<std::string> known;
  fs::path without_weights;  // a folder of that name with a tokenizer alone is the last resort
  for (const auto& folder : folders) {
    for (const auto& candidate :
         {folder / name, folder / (name + ".safetensors"), folder / (name + ".gguf")})
      if (fs::exists(candidate)) {
        if (!weights_at(candidate).empty()) return candidate;
        if (without_weights.empty()) without_weights = candidate;
      }
    tried += (tried.empty() ? "" : ", ") + folder.string();
    if (fs::is_directory(folder))
      for (const auto& f : fs::directory_iterator(folder))
        known.push_back(f.path().stem().string());
  }
  if (!without_weights.empty()) return without_weights;
  if (fs::exists(name)) return name;
  std::sort(known.begin(), known.end());
  fail("model '{}': no such folder, and not found in {}{}", name, tried, suggestion(name, known));
}

bool enroll_model(const char* model_type, ModelFamily family, const char* file) {
  family.file = enrolling_library().empty() ? file : enrolling_library();
  if (!families().emplace(model_type, std::move(family)).second)
    fail("'{}' is registered twice", model_type);
  return true;
}

std::vector<std::string> model_types() {
  std::vector<std::string> names;
  for (const auto& [name, make] : families()) names.push_back(name);
  return names;
}

const ModelFamily& model_family(const std::string& model_type, const std::string& where) {
  const auto it = families().find(model_type);
  if (it == families().end())
    fail("{}: model_type '{}' is not supported{}", where, model_type,
         suggestion(model_type, model_types()));
  return it->second;
}

std::string model_type_of(const fs::path& path) {
  if (path.extension() == ".gguf") return "llama";  // the only architecture that read_gguf knows
  if (fs::exists(path / "config.json")) {
    const auto config = read_json(path / "config.json");
    if (config.contains("model_type") && config["model_type"].is_string())
      return config["model_type"].get<std::string>();
  }
  return read_checkpoint(path).model_type();
}

namespace {

/// What config.json says of the type of its weights, under both spellings; empty: nothing.
std::string said_type(const fs::path& folder) {
  if (!fs::exists(folder / "config.json")) return "";
  const auto config = read_json(folder / "config.json");
  for (const char* key : {"dtype", "torch_dtype"})
    if (const auto it = config.find(key); it != config.end() && it->is_string()) {
      const auto name = it->get<std::string>();
      return name.starts_with("torch.") ? name.substr(6) : name;
    }
  return "";
}

}  // namespace

at::ScalarType compute_type_at(const fs::path& path, const std::string& asked) {
  if (asked != "auto") return compute_type(asked);
  const auto weights = weights_at(path);
  if (weights.empty() || weights.extension() == ".gguf") return at::kFloat;
  const auto known = [](const std::string& name) {
    const auto& all = compute_types();
    return std::find(all.begin(), all.end(), name) != all.end();
  };
  if (const auto said = said_type(weights.parent_path()); !said.empty())
    return known(said) ? compute_type(said) : at::kFloat;
  std::map<at::ScalarType, int64_t> entries;
  for (const auto& [name, t] : read_checkpoint(path).tensors)
    if (t.is_floating_point()) entries[t.scalar_type()] += t.numel();
  auto most = std::max_element(entries.begin(), entries.end(),
                               [](const auto& a, const auto& b) { return a.second < b.second; });
  return most != entries.end() && is_half(most->first) ? most->first : at::kFloat;
}

std::unique_ptr<Model> build_model(const Checkpoint& c) {
  const auto& family = model_family(c.model_type(), c.folder.string());
  at::NoGradGuard no_grad;
  c.forget_taken();
  auto model = family.make(c);
  model->by_block = c.by_block;
  settle(*model);  // what a family put together anew
  if (family.images) c.check_all_taken();
  return model;
}

}  // namespace bench
