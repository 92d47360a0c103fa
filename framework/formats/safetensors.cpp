#include "formats/safetensors.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/regular_file.h"
#include "tokenizers/json_file.h"
#include "formats/mapped_file.h"
#include "formats/safetensors_file.h"

namespace bench {
namespace {

using Json = nlohmann::json;

const std::map<std::string, at::ScalarType>& dtypes() {
  static const std::map<std::string, at::ScalarType> all{
      {"F64", at::kDouble}, {"F32", at::kFloat}, {"F16", at::kHalf},  {"BF16", at::kBFloat16},
      {"I64", at::kLong},   {"I32", at::kInt},   {"I16", at::kShort}, {"I8", at::kChar},
      {"U8", at::kByte},    {"BOOL", at::kBool}};
  return all;
}

constexpr uint64_t kMaxHeader = 100u << 20;  // the format's own limit
constexpr size_t kMaxDims = 16;
constexpr double kMaxSpan = 1e15;  // elements, where none of the sizes were 0

struct Header {
  Json json;
  uint64_t start;  // of the data
};

Header read_header(const MappedFile& file) {
  if (file.size() < 8) fail("{}: is no safetensors file: shorter than 8 bytes", file.path());
  uint64_t length;
  std::memcpy(&length, file.data(), 8);
  if (length > kMaxHeader || length > file.size() - 8)
    fail("{}: is truncated or no safetensors file: header of {} bytes in a file of {}", file.path(),
         length, file.size());
  const char* text = reinterpret_cast<const char*>(file.data()) + 8;
  auto json = Json::parse(text, text + length, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) fail("{}: its header is no JSON object", file.path());
  return {std::move(json), 8 + length};
}

struct Span {
  at::ScalarType dtype;
  std::vector<int64_t> shape;
  uint64_t begin, end;
};

Span read_span(const std::string& path, const std::string& name, const Json& entry,
               uint64_t available) {
  const auto bad = [&](const char* what) { fail("{}: tensor {}: {}", path, name, what); };
  if (!entry.is_object() || !entry.contains("dtype") || !entry["dtype"].is_string() ||
      !entry.contains("shape") || !entry["shape"].is_array() || !entry.contains("data_offsets") ||
      !entry["data_offsets"].is_array() || entry["data_offsets"].size() != 2)
    bad("needs dtype, shape and data_offsets");
  const auto type = dtypes().find(entry["dtype"].get<std::string>());
  if (type == dtypes().end())
    fail("{}: tensor {}: dtype {} is not supported", path, name, entry["dtype"].dump());
  Span s{type->second, {}, 0, 0};
  for (const auto& o : entry["data_offsets"])
    if (!o.is_number_unsigned()) bad("has an offset that is no number");
  s.begin = entry["data_offsets"][0].get<uint64_t>();
  s.end = entry["data_offsets"][1].get<uint64_t>();
  if (s.begin > s.end || s.end > available) bad("lies outside the file, which may be truncated");
  uint64_t bytes = c10::elementSize(s.dtype);
  if (entry["shape"].size() > kMaxDims) bad("has more dimensions than any tensor");
  double span = 1;  // LibTorch multiplies the sizes of empty tensors too
  for (const auto& d : entry["shape"]) {
    if (!d.is_number_unsigned()) bad("has a size that is no number");
    const auto size = d.get<uint64_t>();
    span *= std::max(1.0, static_cast<double>(size));
    if (span > kMaxSpan) bad("is too large");
    if (size != 0 && bytes > available / size + c10::elementSize(s.dtype)) bad("is too large");
    bytes *= size;
    s.shape.push_back(static_cast<int64_t>(size));
  }
  if (bytes != s.end - s.begin) bad("has a shape that does not fit its bytes");
  return s;
}

void check_overlap(const std::string& path, std::vector<std::pair<uint64_t, uint64_t>> spans) {
  std::sort(spans.begin(), spans.end());
  for (size_t i = 1; i < spans.size(); ++i)
    if (spans[i].first < spans[i - 1].second) fail("{}: two tensors overlap", path);
}

}  // namespace

TensorMap read_safetensors(const std::string& path) {
  const auto file = MappedFile::open(path);
  const auto header = read_header(*file);
  const uint64_t available = file->size() - header.start;
  TensorMap tensors;
  std::vector<std::pair<uint64_t, uint64_t>> spans;
  for (const auto& [name, entry] : header.json.items()) {
    if (name == "__metadata__") continue;
    const auto s = read_span(path, name, entry, available);
    spans.emplace_back(s.begin, s.end);
    auto* data = const_cast<uint8_t*>(file->data()) + header.start + s.begin;
    auto t = at::from_blob(
        data, s.shape, [file](void*) {}, at::TensorOptions().dtype(s.dtype));
    const auto align = c10::elementSize(s.dtype);
    // The format does not promise alignment; a view of misaligned floats would be undefined
    // behaviour.
    if (reinterpret_cast<uintptr_t>(data) % align != 0) {
      t = at::empty(s.shape, at::TensorOptions().dtype(s.dtype));
      if (s.end > s.begin) std::memcpy(t.mutable_data_ptr(), data, s.end - s.begin);
    }
    tensors.emplace(name, std::move(t));
  }
  check_overlap(path, std::move(spans));
  return tensors;
}

std::map<std::string, std::string> read_safetensors_metadata(const std::string& path) {
  const auto file = MappedFile::open(path);
  const auto header = read_header(*file);
  std::map<std::string, std::string> metadata;
  if (header.json.contains("__metadata__"))
    for (const auto& [key, value] : header.json["__metadata__"].items())
      metadata[key] = value.is_string() ? value.get<std::string>() : value.dump();
  return metadata;
}

TensorMap read_safetensors_index(const std::string& index_path) {
  return read_index(index_path, read_safetensors);
}

namespace {

std::string shard_name(const nlohmann::json& shard, const std::string& name,
                       const std::string& index_path) {
  if (!shard.is_string()) fail("{}: {} has no shard", index_path, name);
  auto file = shard.get<std::string>();
  if (std::filesystem::path(file).has_parent_path())
    fail("{}: shard {} must be a plain file name", index_path, file);
  return file;
}

nlohmann::json weight_map(const std::string& index_path) {
  auto json = text::parse_json(text::read_bytes(index_path), index_path);
  if (!json.is_object() || !json.contains("weight_map") || !json["weight_map"].is_object())
    fail("{}: is no index of shards: weight_map is missing", index_path);
  return json["weight_map"];
}

}  // namespace

std::set<std::string> shards_of(const std::string& index_path) {
  std::set<std::string> names;
  const auto map = weight_map(index_path);
  for (const auto& [name, shard] : map.items()) names.insert(shard_name(shard, name, index_path));
  return names;
}

TensorMap read_index(const std::string& index_path,
                     const std::function<TensorMap(const std::string&)>& read) {
  const auto map = weight_map(index_path);
  const auto folder = std::filesystem::path(index_path).parent_path();
  std::map<std::string, TensorMap> shards;
  TensorMap tensors;
  for (const auto& [name, shard] : map.items()) {
    const auto file = shard_name(shard, name, index_path);
    if (!shards.count(file)) shards[file] = read((folder / file).string());
    const auto it = shards[file].find(name);
    if (it == shards[file].end()) fail("{}: {} is not in its shard {}", index_path, name, file);
    tensors.emplace(name, it->second);
  }
  return tensors;
}

SafetensorsFile::SafetensorsFile(std::string path, const std::vector<Entry>& entries,
                                 const std::map<std::string, std::string>& metadata)
    : path_(std::move(path)), partial_(path_ + ".partial") {
  auto header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  for (const auto& e : entries) {
    std::string dtype;
    for (const auto& [text, type] : dtypes())
      if (type == e.dtype) dtype = text;
    if (dtype.empty()) fail("{}: tensor {} has a dtype that the format lacks", path_, e.name);
    if (header.contains(e.name)) fail("{}: tensor {} is written twice", path_, e.name);
    uint64_t bytes = c10::elementSize(e.dtype);
    for (const auto size : e.shape) bytes *= static_cast<uint64_t>(size);
    header[e.name] = {
        {"dtype", dtype}, {"shape", e.shape}, {"data_offsets", {left_, left_ + bytes}}};
    left_ += bytes;
  }
  auto text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');  // keeps the data aligned
  const uint64_t length = text.size();
  require_replaceable(path_);
  out_.open(partial_, std::ios::binary);
  out_.write(reinterpret_cast<const char*>(&length), 8);
  out_.write(text.data(), static_cast<std::streamsize>(text.size()));
  if (!out_) broken();
}

SafetensorsFile::~SafetensorsFile() {
  std::error_code ignored;
  if (!partial_.empty()) std::filesystem::remove(partial_, ignored);
}

void SafetensorsFile::broken() const {
  std::error_code ignored;
  std::filesystem::remove(partial_, ignored);
  fail("{}: cannot be written; check that its folder is there and the disk is not full", path_);
}

void SafetensorsFile::append(const Tensor& values) {
  const auto data = values.detach().cpu().contiguous();
  require(data.nbytes() <= left_, "no more values are written than were announced");
  left_ -= data.nbytes();
  out_.write(static_cast<const char*>(data.const_data_ptr()),
             static_cast<std::streamsize>(data.nbytes()));
  if (!out_) broken();
}

void SafetensorsFile::finish() {
  require(left_ == 0, "all values that were announced are written");
  out_.close();
  std::error_code error;
  if (out_) std::filesystem::rename(partial_, path_, error);
  if (!out_ || error) broken();
  partial_.clear();
}

void write_safetensors(const std::string& path, const TensorMap& tensors,
                       const std::map<std::string, std::string>& metadata) {
  std::vector<SafetensorsFile::Entry> entries;
  for (const auto& [name, t] : tensors) entries.push_back({name, t.scalar_type(), t.sizes().vec()});
  SafetensorsFile file(path, entries, metadata);
  for (const auto& [name, t] : tensors) file.append(t);
  file.finish();
}

}  // namespace bench
